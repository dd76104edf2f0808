"""From a model and cases with truth to an evaluation folder."""

import shutil
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, TypeAlias

from medweave import __version__
from medweave.building.layout import build_layout
from medweave.core.errors import DataError, RunError, UsageError
from medweave.core.files import read_json, why_not_a_folder
from medweave.core.logging import get_logger
from medweave.data.audit import Audit
from medweave.data.examination import image_sha256
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import scan
from medweave.data.split import Split, as_one_subject
from medweave.evaluation.folder import write_evaluation
from medweave.evaluation.judging import Judgement, OnProgress, judge, pooled, refuse_uncontrolled
from medweave.evaluation.summary import summarise
from medweave.inference.bundle import is_bundle
from medweave.inference.loading import load_predictor, read_facts
from medweave.inference.predictor import Predictor
from medweave.recipes.section import Component
from medweave.runs.continuation import refuse_unfinished_folds
from medweave.runs.ensemble import Ensemble
from medweave.runs.evaluation_folder import EvaluationFolder
from medweave.runs.folder import RunFolder

logger = get_logger(__name__)

#: A part of a model's own data; folds are train and val of an ensemble, each case answered by the run that left it out.
OwnPart: TypeAlias = Literal["val", "test", "folds"]
EXTERNAL = "external"
#: What the names of temporary folders begin with.
WRITING = ".writing-"


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation left.

    Attributes:
        folder: With summary.json, tables, report.html, figures and predictions.
        summary: Content of summary.json.
    """

    folder: Path
    summary: dict[str, Any]


def run(
    model: Path,
    *,
    data: Path | None = None,
    layout: str | None = None,
    split: OwnPart = "test",
    output: Path | None = None,
    save_predictions: bool = True,
    shortcut_control: bool = False,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Evaluation:
    """Evaluate a model on a part of its own data or on an external test set, and write the evaluation folder.

    An ensemble answers with the mean of its runs; to a case of `folds` with the run that did not train on it.

    An evaluation that is there already is replaced when the new one is complete.

    Args:
        model: Run or bundle.
        data: External data folder; every case with truth is judged. None takes the part `split` of the run's data.
        layout: Layout of `data`; None takes the one that the run's own data have, with its parameters.
        split: Part of the run's data; `folds` is of ensembles alone, and they have no `val`.
        output: Folder; None takes the model's `evaluation/<split>`, or `evaluation/external` with `data`.
        save_predictions: Keep the predicted label maps.
        shortcut_control: Also classify the cases without their masked region, and with nothing else.
        on_progress: Called after each case.

    Raises:
        UsageError: The control of shortcuts is asked of a model that does not classify, or no folder is named for a
            bundle.
        DataError: No case has truth, the data are those that the model was trained on, or a file cannot be used.
        RunError: The model cannot be used, has no such part, or `output` holds something else.
    """
    part = EXTERNAL if data else split
    if data and output is None and is_bundle(model):
        raise UsageError("nothing is written into a bundle", where=model, fix="name a folder with --output.")
    _refuse_other_part(model, part)
    index = _external_index(model, data, layout=layout) if data else _part_index(model, split)
    assigned: Iterable[tuple[Predictor, DatasetIndex]] = (
        _assigned_by_fold(model, index, shortcut_control=shortcut_control)
        if part == "folds"
        else [(_load(model, shortcut_control=shortcut_control), index)]
    )
    folder = output or RunFolder(model).evaluation(part)
    with _replacing(folder) as temporary:
        written = EvaluationFolder(temporary)
        found = _judge(assigned, index, written.predictions, shortcut_control=shortcut_control, on_progress=on_progress)
        summary = summarise(found, split=part, n_part_cases=len(index.cases)) | _ensemble_facts(model)
        write_evaluation(written, found, summary=summary, facts=_facts(model, index, part))
        if not save_predictions:
            shutil.rmtree(written.predictions, ignore_errors=True)
    logger.info("evaluated %d cases into %s", summary["n_cases"], folder)
    return Evaluation(folder, summary)


def parts_by_default(model: Path) -> tuple[OwnPart, ...]:
    """Return the parts to judge where none is named: test; of an ensemble folds, and test where it has one."""
    run = RunFolder(model)
    if not run.is_ensemble:
        return ("test",)
    return ("folds", "test") if Split.load(run.split).test else ("folds",)


def _refuse_other_part(model: Path, part: str) -> None:
    """Refuse a part that this kind of model does not have, and an ensemble that is not complete."""
    run = RunFolder(model)
    if run.is_ensemble:
        refuse_unfinished_folds(run)
    if (part == "folds") > run.is_ensemble:
        raise RunError("a single run has no folds", where=model, fix="judge it with --split test or --split val.")
    if part == "val" and run.is_ensemble:
        raise RunError(
            "an ensemble has no validation part: each of its runs has another",
            where=model,
            fix="pool them with --split folds.",
        )


def _load(model: Path, *, shortcut_control: bool) -> Predictor:
    predictor = load_predictor(model)
    if shortcut_control and not predictor.network_classes:
        raise UsageError("the control of shortcuts needs a network that classifies", where=model)
    return predictor


def _assigned_by_fold(
    model: Path, index: DatasetIndex, *, shortcut_control: bool
) -> Iterator[tuple[Predictor, DatasetIndex]]:
    """Load one run of an ensemble after the other, with the cases that it left out of its training."""
    run = RunFolder(model)
    for name, case_ids in Ensemble.load(run.ensemble).folds.items():
        yield _load(run.member(name).path, shortcut_control=shortcut_control), index.subset(case_ids)


def _judge(
    assigned: Iterable[tuple[Predictor, DatasetIndex]],
    index: DatasetIndex,
    predictions: Path,
    *,
    shortcut_control: bool,
    on_progress: OnProgress,
) -> Judgement:
    """Judge each model on its cases, which together are the index, and pool what was found."""
    judgements: list[Judgement] = []
    done_before = 0
    for predictor, cases in assigned:
        counted = _counted(on_progress, done_before, len(index.cases) - len(cases.cases))
        judgements.append(judge(predictor, cases, predictions, on_progress=counted, shortcut_control=shortcut_control))
        done_before += len(cases.cases)
    found = pooled(judgements)
    if shortcut_control:
        refuse_uncontrolled(found, index)
    return found


def _counted(on_progress: OnProgress, done_before: int, others: int) -> OnProgress:
    """Return what reports the progress on some cases as that on them and the others."""
    return lambda done, total: on_progress(done_before + done, others + total)


def _ensemble_facts(model: Path) -> dict[str, Any]:
    """Return what summary.json says of the runs of an ensemble; nothing of a single run."""
    run = RunFolder(model)
    if not run.is_ensemble:
        return {}
    trained = read_json(run.training_summary)
    folds = {
        name: {"score": found["score"], "best_epoch": found["best_epoch"], "cases": found["cases"]}
        for name, found in trained["folds"].items()
    }
    return {"ensemble": {"folds": folds, "alarms": trained["alarms"]}}


def _part_index(model: Path, split: OwnPart) -> DatasetIndex:
    run = RunFolder(model) if is_bundle(model) else RunFolder.open(model)
    if not run.split.is_file():
        raise RunError("this model has no data of its own", where=model, fix="give a data folder with --data.")
    drawn = Split.load(run.split)
    case_ids = (*drawn.train, *drawn.val) if split == "folds" else drawn.part(split)
    if not case_ids:
        raise RunError(
            f"the run has no {split} cases",
            where=run.split,
            fix="give a data folder with --data, or train with a larger share in data.split.",
        )
    index = DatasetIndex.load(run.index)
    # Copies of one image count as one subject in every interval, as they did in the split.
    cases = as_one_subject(index.cases, Audit.load(run.audit).duplicate_groups)
    return replace(index, cases=cases).subset(case_ids)


def _external_index(model: Path, data: Path, *, layout: str | None) -> DatasetIndex:
    """Scan an external test set, refusing one that holds images that the model was fitted to."""
    run, facts = RunFolder(model), read_facts(model)
    index = scan(data, layout=build_layout(Component(name=layout) if layout else facts.layout))
    known = read_json(run.fitted_images) if run.fitted_images.is_file() else {}
    fitted = {sha256: case_id for case_id, images in known.items() for sha256 in images.values()}
    shared = {
        case.case_id: fitted[sha256]
        for case in index.cases
        for name, spatial_dims in facts.image_dims.items()
        if name in case.images and (sha256 := image_sha256(case.images[name], spatial_dims=spatial_dims)) in fitted
    }
    if shared:
        first, twin = next(iter(shared.items()))
        raise DataError(
            "the model was trained on images of this folder",
            where=index.root,
            got=f"{len(shared)} of {len(index.cases)} cases, for instance {first}, which is {twin} of the training",
            fix="leave --data out to judge the run's own test cases, or give other data.",
        )
    return index


def _facts(model: Path, index: DatasetIndex, part: str) -> dict[str, object]:
    """Say what was judged on what."""
    facts: dict[str, object] = {"Model": model, "Data": f"{index.name}, {index.root}", "Layout": index.layout}
    run = RunFolder(model)
    if run.split.is_file():
        split = Split.load(run.split)
        fitted = f"{len(split.train)} training and {len(split.val)} validation cases"
        n_members = len(Ensemble.load(run.ensemble).folds) if run.is_ensemble else 1
        facts["Trained with"] = f"{n_members} runs, on folds of {fitted}" if run.is_ensemble else fitted
    if run.is_ensemble:
        facts["Answered by"] = (
            "the run that left the case out of its training"
            if part == "folds"
            else f"the mean of the probabilities of all {n_members} runs"
        )
    judged = {
        "val": "validation cases: they chose the model's epoch, so these numbers are optimistic",
        "folds": "training and validation cases, out of fold: the run that answers a case did not train on it, but its "
        "epoch was chosen by the fold, so these numbers are a little optimistic",
        "test": "test cases, which training never saw; split by subject",
        EXTERNAL: "every case of an external folder",
    }
    return {**facts, "Judged on": judged[part], "Version": f"medweave {__version__}"}


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder inside `folder` whose content takes the place of what `folder` holds when the block ends well.

    `folder` itself stays: it may be a link, or where a disk is mounted.

    Raises:
        RunError: `folder` holds something that is no evaluation, or cannot be written.
    """
    if folder.is_dir() and not EvaluationFolder(folder).summary.is_file() and any(_content(folder)):
        raise RunError(
            "the output folder holds something that is no evaluation",
            where=folder,
            fix="choose a new folder or empty this one.",
        )
    existed = folder.is_dir()
    with _explained(folder):
        if folder.is_file():
            raise NotADirectoryError
        folder.mkdir(parents=True, exist_ok=True)
        temporary = _temporary(folder)
    try:
        yield temporary
        with _explained(folder):
            _swap(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
        if not existed:
            with suppress(OSError):  # it holds the evaluation
                folder.rmdir()


def _swap(new: Path, folder: Path) -> None:
    """Move the content of `new` into `folder` in the place of its own, which comes back if that fails."""
    old = _temporary(folder)
    try:
        for path in [*_content(folder)]:
            path.rename(old / path.name)
        for path in [*new.iterdir()]:
            path.rename(folder / path.name)
    except OSError:
        for path in [*_content(folder)]:
            path.rename(new / path.name)
        for path in [*old.iterdir()]:
            path.rename(folder / path.name)
        raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _temporary(folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix=WRITING, dir=folder))


def _content(folder: Path) -> Iterator[Path]:
    """Yield what a folder holds, but for what is being written."""
    return (path for path in folder.iterdir() if not path.name.startswith(WRITING))


@contextmanager
def _explained(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            "cannot write", where=folder, got=why_not_a_folder(error), fix="choose a writable folder."
        ) from error
