"""From a run to a bundle that predicts without PyTorch."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medweave.building.layout import build_layout
from medweave.core.errors import DataError, UsageError
from medweave.core.files import completed_folder, read_json, write_json, write_text
from medweave.core.logging import get_logger
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import scan
from medweave.data.split import Split
from medweave.exporting.description import describe_bundle
from medweave.exporting.golden import write_golden_input
from medweave.exporting.model_card import LICENCE, PARTS, model_card
from medweave.exporting.monai_bundle import write_monai_bundle
from medweave.exporting.network import OPSET, export_network
from medweave.exporting.openvino import write_openvino
from medweave.exporting.parity import Parity, compare
from medweave.exporting.precision import calibration_feeds, to_float16, to_int8
from medweave.exporting.reference import in_full_precision
from medweave.inference.bundle import BundleFolder, is_bundle, load_bundle
from medweave.inference.bundle_description import BundleDescription, NetworkDescription
from medweave.inference.golden import golden_case, save_golden_answer
from medweave.inference.loading import load_predictor, weights_of
from medweave.inference.predictor import Predictor
from medweave.inference.run_model import models_of
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder

logger = get_logger(__name__)

Precision = Literal["float32", "float16", "int8"]


@dataclass(frozen=True)
class Settings:
    """How a model is exported.

    Attributes:
        precision: Of the weights and activations.
        openvino: Write the networks for OpenVINO too.
        data: Folder of the run's data, where it has moved.
        n_cases: Validation cases at most that are compared with the run, and training cases that calibrate int8.
    """

    precision: Precision = "float32"
    openvino: bool = False
    data: Path | None = None
    n_cases: int = 8


@dataclass(frozen=True)
class Export:
    """A bundle.

    Attributes:
        folder: Of the bundle.
        parity: How far its answers are from the run's.
        size_mb: Of all its files.
    """

    folder: Path
    parity: Parity
    size_mb: float


def run(
    model: Path,
    output: Path,
    *,
    settings: Settings | None = None,
    on_progress: Callable[[str, int, int], None] = lambda _stage, _done, _total: None,
) -> Export:
    """Export a run, and prove that the bundle answers as the run does; a failure leaves no bundle.

    Args:
        model: Run.
        output: New or empty folder.
        settings: How; by default in float32.
        on_progress: Called with a stage, the number done and their total.

    Raises:
        UsageError: The model is a bundle already.
        RunError: The run has no weights, the network cannot be exported, or the bundle does not answer as the run.
        DataError: The run's validation cases are not there.
        DependencyError: A package of the export is not installed.
    """
    settings = settings or Settings()
    if is_bundle(model):
        raise UsageError("this is a bundle already", where=model, fix="give the run that it was exported from.")
    folder = RunFolder.open(model)
    predictor = in_full_precision(load_predictor(model))
    parts = _cases(folder, settings)
    with completed_folder(output) as temporary:
        bundle = BundleFolder(temporary)
        on_progress("exporting", 0, 1)
        description = _write_networks(predictor, folder, bundle, settings, calibrating=parts["train"])
        on_progress("exporting", 1, 1)
        cases, exported = parts["val"], load_bundle(temporary)
        parity = compare(
            predictor,
            exported,
            cases,
            on_case=lambda done: on_progress("comparing with the run", done, len(cases)),
        )
        if settings.precision == "float32":
            parity.refuse_differences()
        else:
            parity.refuse_losses()
        write_golden_input(predictor, bundle.golden)
        save_golden_answer(exported.predict(golden_case(bundle.golden)), bundle.golden)
        _write_documents(predictor, folder, bundle, description, parity)
    size_mb = sum(path.stat().st_size for path in output.rglob("*") if path.is_file()) / 1e6
    logger.info("exported %s into %s", model, output)
    return Export(output, parity, size_mb)


def _write_networks(
    predictor: Predictor, run: RunFolder, bundle: BundleFolder, settings: Settings, *, calibrating: Sequence[Case]
) -> BundleDescription:
    """Write the networks, and all that the bundle needs to predict."""
    models = models_of(predictor)
    channels = {name: source.n_channels for name, source in predictor.source.inputs.items()}
    files = [bundle.network(number, of=len(models)) for number in range(len(models))]
    for model, file in zip(models, files, strict=True):
        export_network(model, file, n_channels=channels)
    if predictor.gate:
        predictor.gate.save(bundle.gate)
    for answer in predictor.measuring.answers.values() if predictor.measuring else ():
        answer.classifier.save(bundle.measurement_classifier(answer.head))
    openvino = write_openvino(files) if settings.openvino else []
    description = describe_bundle(
        predictor,
        load_recipe(run.recipe),
        bundle,
        network=NetworkDescription(
            files=tuple(file.name for file in files),
            opset=OPSET,
            precision=settings.precision,
            inputs=tuple(models[0].encoders),
            size_divisors={name: tuple(steps) for name, steps in predictor.size_divisors.items()},
            openvino=tuple(file.name for file in openvino),
        ),
        manifest=read_json(run.manifest),
        cases=_counts(run),
    )
    _write_description(description, bundle)
    if settings.precision == "int8":
        feeds = calibration_feeds(load_bundle(bundle.path), calibrating)
    for file in files:
        if settings.precision == "float16":
            to_float16(file)
        elif settings.precision == "int8":
            to_int8(file, feeds)
    return _write_description(description, bundle)


def _write_documents(
    predictor: Predictor, run: RunFolder, bundle: BundleFolder, description: BundleDescription, parity: Parity
) -> None:
    """Write what proves and describes the bundle."""
    precision = description.network.precision
    fitted = read_json(run.fitted_images) if run.fitted_images.is_file() else {}
    # Hashes of the images alone: the names of cases may tell of persons.
    write_json(
        bundle.fitted_images, {f"case {number}": hashes for number, hashes in enumerate(fitted.values(), start=1)}
    )
    write_json(bundle.parity, {"precision": precision, "split": "val", **parity.to_json()})
    write_text(bundle.model_card, model_card(description, parity, _evaluations(run)))
    recipe = load_recipe(run.recipe)
    write_monai_bundle(bundle.monai, predictor=predictor, weights=weights_of(run), recipe=recipe, licence=LICENCE)
    _write_description(description, bundle)


def _write_description(description: BundleDescription, bundle: BundleFolder) -> BundleDescription:
    """Write bundle.json with the hashes of the files that are there now."""
    complete = description.model_copy(update={"files": bundle.checksums()})
    write_json(bundle.description, complete.model_dump(mode="json"))
    return complete


def _cases(run: RunFolder, settings: Settings) -> dict[str, list[Case]]:
    """Return cases of the training and of the validation part, evenly over each.

    Raises:
        DataError: There is no validation case, or its files are not there.
    """
    split = Split.load(run.split)
    index = DatasetIndex.load(run.index)
    if settings.data:
        index = scan(settings.data, layout=build_layout(load_recipe(run.recipe).data.layout))
    parts = {}
    for part in ("train", "val"):
        case_ids = split.part(part)
        step = max(-(-len(case_ids) // settings.n_cases), 1)
        parts[part] = list(index.subset(case_ids[::step]).cases)
    if not parts["val"]:
        raise DataError("the run has no validation cases", where=run.split, fix="train with a share in data.split.val.")
    absent = [path for case in parts["val"] for path in case.images.values() if not path.exists()]
    if absent:
        raise DataError(
            "a validation case of the run, which the bundle is compared on, is not there",
            where=absent[0],
            fix="give the folder of the run's data with --data.",
        )
    return parts


def _counts(run: RunFolder) -> dict[str, int]:
    split = Split.load(run.split)
    return {part: len(split.part(part)) for part in ("train", "val", "test")}


def _evaluations(run: RunFolder) -> Mapping[str, Mapping[str, Any]]:
    """Return the summary of every part of the data that the run was evaluated on."""
    summaries = {part: run.evaluation(part) / "summary.json" for part in PARTS}
    return {part: read_json(path) for part, path in summaries.items() if path.is_file()}
