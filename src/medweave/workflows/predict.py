"""From images to label maps, pictures and tables, whatever the number of images."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from medweave.building.layout import build_layout
from medweave.core.errors import DataError, UsageError
from medweave.core.files import write_json
from medweave.core.logging import get_logger
from medweave.data.case import Case
from medweave.data.input_paths import cases_of_paths
from medweave.inference.backends.provider import Provider
from medweave.inference.batching import batches
from medweave.inference.bundle_description import NO_ATTENTION
from medweave.inference.case_inputs import CaseInputs
from medweave.inference.gate.warning import InputWarning
from medweave.inference.loading import load_predictor, read_facts
from medweave.inference.lookahead import lookahead
from medweave.inference.prediction import Prediction
from medweave.inference.prediction_folder import PredictionFolder
from medweave.inference.predictor import Predictor
from medweave.inference.record import done_record, failed_record
from medweave.inference.writers.attention import write_attention
from medweave.inference.writers.picture import write_picture
from medweave.inference.writers.writer import WRITERS
from medweave.runs.manifest import describe_environment

logger = get_logger(__name__)

#: Threads that read ahead, and cases that they may be ahead of the network: volumes, and pictures.
READERS, VOLUMES_AHEAD, PICTURES_AHEAD = 2, 2, 8
#: Predicted cases that wait to be written.
BEHIND = 2
#: Records that a report keeps.
MAX_RECORDS = 20

#: A predicted case, or why it could not be.
Outcome = tuple[Case, Prediction | DataError]


@dataclass(frozen=True)
class PredictionOptions:
    """What is asked for beside the label maps and tables.

    Attributes:
        probabilities: Write each structure's probabilities.
        overlay: Write pictures of each case: its structures, and where the network looked for its classes.
        uncertainty: Write how far the members differ in each voxel.
        flips: Average over mirrored copies; None as the recipe says.
        validate: Compare the images with those that the model was trained on.
        strict: Refuse what is unlike them, instead of a warning.
    """

    probabilities: bool = False
    overlay: bool = True
    uncertainty: bool = False
    flips: bool | None = None
    validate: bool = True
    strict: bool = False

    @property
    def writers(self) -> list[str]:
        """Writers of each segmentation head."""
        asked = {"probabilities": self.probabilities, "uncertainty": self.uncertainty, "overlay": self.overlay}
        return ["nifti", *(name for name, is_asked in asked.items() if is_asked)]


@dataclass(frozen=True)
class PredictionReport:
    """What was predicted.

    Attributes:
        folder: With the written files, predictions.csv and predictions.json.
        records: Of the first cases, as in their prediction.json.
        n_cases: Number of cases.
        n_resumed: Of them, those that were done before.
        failures: Message of each case that failed, by case id.
        doubtful: Number of cases with a warning of the input gate.
    """

    folder: Path
    records: tuple[dict[str, Any], ...]
    n_cases: int
    n_resumed: int
    failures: dict[str, str] = field(default_factory=dict)
    doubtful: int = 0


def run(
    model: Path,
    inputs: Sequence[Path],
    *,
    output: Path,
    options: PredictionOptions | None = None,
    resume: bool = False,
    provider: Provider | None = None,
    on_progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
) -> PredictionReport:
    """Predict files and folders.

    Threads read ahead of the network and write behind it, a bounded number of cases, so that memory does not grow with
    their number. A case that cannot be used is recorded with its reason and the others go on.

    Args:
        model: Run or bundle.
        inputs: Image files, case tables, folders of image files, or folders in the layout of the model's own data or
            in another known one.
        output: New or empty folder.
        options: What is asked for.
        resume: Continue in the folder of an earlier call; cases that are completely done are left.
        provider: What computes a bundle.
        on_progress: Called after each case.

    Raises:
        UsageError: There is no input, two files would give results of one name, or an option does not fit the model.
        RunError: The model cannot be used or the folder not be written.
    """
    options = options or PredictionOptions()
    facts = read_facts(model)
    predictor = _configured(load_predictor(model, provider=provider), options)
    if options.overlay and predictor.network_classes and not predictor.can_explain:
        logger.warning("pictures of where the network looked are %s", NO_ATTENTION)
    cases = cases_of_paths(inputs, source=predictor.source, layout=build_layout(facts.layout))
    environment = describe_environment()
    described = {"path": str(model), "kind": facts.kind, "sha256": facts.sha256}
    manifest = {"model": described, "options": asdict(options), **environment}
    made_by = {
        "model_sha256": facts.sha256,
        "medweave": environment["versions"]["medweave"],
        "options": asdict(options),
    }
    folder = PredictionFolder(output)
    folder.claim(manifest, resume=resume)
    left = [case for case in cases if not (resume and folder.is_done(case, made_by=made_by))]
    report = PredictionReport(output, (), len(cases), len(cases) - len(left))
    first: list[dict[str, Any]] = []
    doubtful = 0
    for position, record in enumerate(_records(left, predictor, options, folder, made_by), start=1):
        if record["status"] == "failed":
            report.failures[record["case_id"]] = record["reason"]
        doubtful += bool(record.get("warnings"))
        if len(first) < MAX_RECORDS:
            first.append(record)
        on_progress("predicting", report.n_resumed + position, len(cases))
    folder.write_tables(cases, manifest)
    return replace(report, records=tuple(first), doubtful=doubtful)


def _configured(predictor: Predictor, options: PredictionOptions) -> Predictor:
    if options.flips is not None:
        predictor.window = replace(predictor.window, flips=options.flips)
    if options.uncertainty and not predictor.has_members:
        raise UsageError(
            "one network has no uncertainty to write",
            fix="add --flips, which compares mirrored copies, or give an ensemble (`medweave train --folds`).",
        )
    if not options.validate:
        predictor.gate = None
    return predictor


def _records(
    cases: Sequence[Case],
    predictor: Predictor,
    options: PredictionOptions,
    folder: PredictionFolder,
    made_by: dict[str, Any],
) -> Iterator[dict[str, Any]]:
    """Read ahead, predict and write behind; yield the record of each case once it is written."""

    def write(outcome: Outcome) -> dict[str, Any]:
        case, answer = outcome
        try:
            if isinstance(answer, DataError):
                raise answer
            files = _write(answer, case, predictor, options=options, folder=folder.path)
        except DataError as error:
            logger.info("failed: %s", error)
            record = failed_record(case, str(error), made_by=made_by)
        else:
            names = [path.relative_to(folder.path) for path in files]
            record = done_record(answer, case, predictor, files=names, made_by=made_by)
        write_json(folder.record(case), record)
        return record

    return lookahead(_outcomes(cases, predictor, options), write, threads=1, ahead=BEHIND)


def _outcomes(cases: Sequence[Case], predictor: Predictor, options: PredictionOptions) -> Iterator[Outcome]:
    def read(case: Case) -> CaseInputs | DataError:
        try:
            found = predictor.read(case)
            _refuse_doubtful(case, found.warnings, options)
        except DataError as error:
            return error
        return found

    is_flat = all(source.preprocessor.spatial_dims == 2 for source in predictor.source.inputs.values())
    attempts = lookahead(cases, read, threads=READERS, ahead=PICTURES_AHEAD if is_flat else VOLUMES_AHEAD)
    position = 0
    for batch in batches(attempts, takes_whole_cases=predictor.takes_whole_cases):
        answers = _predict(batch, predictor, options)
        for answer in answers:
            yield cases[position], answer
            position += 1


def _predict(
    batch: Sequence[CaseInputs | DataError], predictor: Predictor, options: PredictionOptions
) -> Iterable[Prediction | DataError]:
    read = [attempt for attempt in batch if isinstance(attempt, CaseInputs)]
    if not read:
        yield from (attempt for attempt in batch if isinstance(attempt, DataError))
        return
    outputs = predictor.run([attempt.inputs for attempt in read], keep_voxels=options.uncertainty)
    for attempt, of_case in zip(read, outputs, strict=True):
        try:
            prediction = predictor.complete(
                attempt, of_case, keep_probabilities=options.probabilities, explain=options.overlay
            )
            _refuse_doubtful(attempt.case, prediction.warnings, options)
        except DataError as error:
            yield error
        else:
            yield prediction


def _refuse_doubtful(case: Case, warnings: Sequence[InputWarning], options: PredictionOptions) -> None:
    if options.strict and warnings:
        raise DataError(
            "the input is unlike those that the model was trained on",
            where=f"case {case.case_id}, {next(iter(case.images.values()))}",
            got="; ".join(f"{warning} [{warning.code}]" for warning in warnings),
            fix="give an image of the kind that the model knows, or predict it without --strict.",
        )


def _write(
    prediction: Prediction, case: Case, predictor: Predictor, *, options: PredictionOptions, folder: Path
) -> list[Path]:
    files = [
        path
        for head in prediction.segmentations
        for name in options.writers
        for path in WRITERS.get(name)().write(
            prediction, head, case=case, info=predictor.segmentation_heads[head], folder=folder
        )
    ]
    if not options.overlay:
        return files
    for head in prediction.classifications:
        files += write_attention(
            prediction,
            head,
            case=case,
            source=predictor.source,
            segmentation_heads=predictor.segmentation_heads,
            folder=folder,
        )
    return files + write_picture(prediction, case=case, source=predictor.source, folder=folder)
