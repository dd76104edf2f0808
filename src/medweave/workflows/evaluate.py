"""From a model and cases with truth to an evaluation folder."""

import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import SimpleITK as sitk

from medweave import __version__
from medweave.building.layout import build_layout
from medweave.core.errors import DataError, RunError
from medweave.core.files import why_not_a_folder, write_json
from medweave.core.logging import get_logger
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import scan
from medweave.data.split import Split
from medweave.evaluation.evaluator import CaseScores, per_case_table, score_case, summarise
from medweave.evaluation.report.report import CaseFiles, SegmentationResults, write_report
from medweave.inference.predictor import Predictor, load_predictor
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_label_map
from medweave.recipes.schema import Component
from medweave.runs.folder import RunFolder

logger = get_logger(__name__)

EXTERNAL = "external"
SUMMARY = "summary.json"
PER_CASE = "per_case.csv"

#: Called with the number of cases done and the number of all.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Evaluation:
    """What an evaluation left.

    Attributes:
        folder: With summary.json, per_case.csv, report.html, figures and predictions.
        summary: Content of summary.json.
    """

    folder: Path
    summary: dict[str, Any]


def run(
    model: Path,
    *,
    data: Path | None = None,
    layout: str = "auto",
    split: Literal["val", "test"] = "test",
    output: Path | None = None,
    save_predictions: bool = True,
    on_progress: OnProgress = lambda _done, _total: None,
) -> Evaluation:
    """Evaluate a model on a part of its own data or on an external test set, and write the evaluation folder.

    An evaluation that is there already is replaced when the new one is complete.

    Args:
        model: Run or bundle.
        data: External data folder; every case with truth is judged. None takes the part `split` of the run's data.
        layout: Layout of `data`.
        split: Part of the run's data.
        output: Folder; None takes the model's `evaluation/<split>`, or `evaluation/external` with `data`.
        save_predictions: Keep the predicted label maps.
        on_progress: Called after each case.

    Raises:
        DataError: No case has truth, the data are those that the model was trained on, or a file cannot be used.
        RunError: The model cannot be used, has no such part, or `output` holds something else.
    """
    predictor = load_predictor(model)
    part = EXTERNAL if data else split
    index = _external_index(model, data, layout=layout) if data else _part_index(model, split)
    folder = output or RunFolder(model).evaluation(part)
    with _replacing(folder) as temporary:
        scores, files = _score_all(predictor, index, temporary / "predictions", on_progress=on_progress)
        heads = list(predictor.segmentation_heads)
        summary = summarise(scores, split=part, heads=heads, n_part_cases=len(index.cases))
        table = per_case_table(scores)
        write_json(temporary / SUMMARY, summary)
        table.to_csv(temporary / PER_CASE, index=False)
        results = {
            head: SegmentationResults(
                structures=predictor.segmentation_heads[head].structures,
                table=table[table["head"] == head],
                files={case_id: found for (case_id, of), found in files.items() if of == head},
            )
            for head in heads
            if summary["heads"][head]["n_cases"]
        }
        write_report(temporary, summary=summary, results=results, facts=_facts(model, index, part))
        if not save_predictions:
            shutil.rmtree(temporary / "predictions")
    logger.info("evaluated %d cases into %s", summary["n_cases"], folder)
    return Evaluation(folder, summary)


def _score_all(
    predictor: Predictor, index: DatasetIndex, predictions: Path, *, on_progress: OnProgress
) -> tuple[list[CaseScores], dict[tuple[str, str], CaseFiles]]:
    """Predict and score the cases one at a time, keeping the numbers and the paths of the files."""
    predictions.mkdir()
    judged = [(case, truths) for case in index.cases if (truths := _truth_paths(predictor, case))]
    if not judged:
        raise DataError(
            "no case has a true label map",
            where=index.root,
            got=f"{len(index.cases)} cases",
            fix="add label maps, or predict these images with `medweave predict`.",
        )
    scores: list[CaseScores] = []
    files: dict[tuple[str, str], CaseFiles] = {}
    for done, (case, truths) in enumerate(judged, start=1):
        prediction = predictor.predict(case)
        for head, truth in truths.items():
            label_map = prediction.segmentations[head].label_map
            path = predictions / f"{case.case_id}_{head}.nii.gz"
            sitk.WriteImage(label_map, str(path), useCompression=True)
            image = predictor.image_path(case, head)
            files[case.case_id, head] = CaseFiles(image, truth, path, spatial_dims=label_map.GetDimension())
            scores.append(_score(predictor, case, head, label_map=label_map, truth=truth))
        on_progress(done, len(judged))
    return scores, files


def _truth_paths(predictor: Predictor, case: Case) -> dict[str, Path]:
    """Return the true label map of every head that the case has one for."""
    paths = {head: predictor.truth_path(case, head) for head in predictor.segmentation_heads}
    return {head: path for head, path in paths.items() if path is not None}


def _score(predictor: Predictor, case: Case, head: str, *, label_map: sitk.Image, truth: Path) -> CaseScores:
    """Score a head on a case, in the case's own grid."""
    grid = Grid.of(label_map)
    true_map = read_label_map(truth, spatial_dims=grid.spatial_dims)
    difference = grid.difference(Grid.of(true_map))
    if difference:
        raise DataError(
            "the true label map does not lie on the image's grid",
            where=f"case {case.case_id}, {truth}",
            got=difference,
            fix="resample the label map to its image, or leave the case out.",
        )
    structures = predictor.segmentation_heads[head].structures
    found = score_case(to_array(label_map), to_array(true_map), structures=structures, grid=grid)
    return CaseScores(case.case_id, case.subject_id, head, found)


def _part_index(model: Path, split: Literal["val", "test"]) -> DatasetIndex:
    run = RunFolder(model)
    if not run.split.is_file():
        raise RunError("this model has no data of its own", where=model, fix="give a data folder with --data.")
    case_ids = Split.load(run.split).part(split)
    if not case_ids:
        raise RunError(
            f"the run has no {split} cases",
            where=run.split,
            fix="give a data folder with --data, or train with a larger share in data.split.",
        )
    return DatasetIndex.load(run.index).subset(case_ids)


def _external_index(model: Path, data: Path, *, layout: str) -> DatasetIndex:
    """Scan an external test set, refusing one that holds files that the model was fitted to."""
    index = scan(data, layout=build_layout(Component(name=layout)))
    run = RunFolder(model)
    if run.split.is_file():
        split = Split.load(run.split)
        known = DatasetIndex.load(run.index).subset([*split.train, *split.val])
        fitted = {path.resolve() for case in known.cases for path in case.images.values()}
        shared = [case.case_id for case in index.cases if fitted & {path.resolve() for path in case.images.values()}]
        if shared:
            raise DataError(
                "the model was trained on cases of this folder",
                where=index.root,
                got=f"{len(shared)} of {len(index.cases)} cases, for instance {shared[0]}",
                fix="leave --data out to judge the run's own test cases, or give other data.",
            )
    return index


def _facts(model: Path, index: DatasetIndex, part: str) -> dict[str, object]:
    """Say what was judged on what."""
    facts: dict[str, object] = {"Model": model, "Data": f"{index.name}, {index.root}", "Layout": index.layout}
    run = RunFolder(model)
    if run.split.is_file():
        split = Split.load(run.split)
        facts["Trained with"] = f"{len(split.train)} training and {len(split.val)} validation cases"
    judged = {
        "val": "validation cases: they chose the model's epoch, so these numbers are optimistic",
        "test": "test cases, which training never saw; split by subject",
        EXTERNAL: "every case of an external folder",
    }
    return {**facts, "Judged on": judged[part], "Version": f"medweave {__version__}"}


@contextmanager
def _replacing(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder` that takes its place when the block ends well.

    Raises:
        RunError: `folder` holds something that is no evaluation, or cannot be written.
    """
    if folder.is_dir() and not (folder / SUMMARY).is_file() and any(folder.iterdir()):
        raise RunError(
            "the output folder holds something that is no evaluation",
            where=folder,
            fix="choose a new folder or empty this one.",
        )
    try:
        if folder.is_file():
            raise NotADirectoryError
        folder.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", dir=folder.parent))
    except OSError as error:
        raise RunError(
            "cannot write", where=folder, got=why_not_a_folder(error), fix="choose a writable folder."
        ) from error
    try:
        yield temporary
        temporary.chmod(0o755)
        _swap(temporary, folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _swap(new: Path, folder: Path) -> None:
    if not folder.exists():
        new.rename(folder)
        return
    old = new.with_name(f"{new.name}-old")
    folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old)
