"""From a recipe and a data folder to an ensemble: one run for each fold of the training and validation part."""

import shutil
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any

from medweave.building.check import read_recipe
from medweave.core.allocation import keep_freed_memory
from medweave.core.errors import UsageError
from medweave.core.files import claim_output_folder, new_output_folder, read_json, write_json, write_text
from medweave.core.logging import get_logger, log_to_file
from medweave.data.split import Part
from medweave.inference.backends.torch import avoid_faulty_amx_kernels
from medweave.inference.run_model import load_run
from medweave.recipes.loader import recipe_hash
from medweave.runs.continuation import is_finished, refuse_finished, refuse_other_folds, refuse_other_recipe
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import now, read_manifest
from medweave.training.folds import SCORE, alarm_lines, folds_markdown, summarise_folds
from medweave.training.measurement import fit_measurement_classifiers, read_measured_cases
from medweave.workflows.folds import Folds, prepare_folds
from medweave.workflows.study import OnProgress, scan_study
from medweave.workflows.train import TrainingResult, train_study

logger = get_logger(__name__)

#: A fold answers for the cases that it left out, so its classifiers of measurements must not have seen them either.
CLASSIFIER_PARTS: tuple[Part, ...] = ("train",)


def run(
    recipe_source: str | Path,
    *,
    data: Path,
    output: Path,
    n_folds: int,
    overrides: Sequence[str] = (),
    resume: bool = False,
    on_stage: Callable[[str], None] = lambda _line: None,
    on_progress: OnProgress = lambda _stage, _done, _total: None,
) -> TrainingResult:
    """Train a recipe once for each fold; each case of the training and validation part is left out by one of them.

    The test part is that which a single training would have, and no fold touches it.

    Args:
        recipe_source: Library name or file.
        data: Data folder.
        output: Folder of the ensemble; must be empty, or with `resume` hold the ensemble to continue.
        n_folds: At least 2.
        overrides: Each `dotted.key=value`.
        resume: Skip the folds that are finished and continue the one that is not.
        on_stage: Called with a line when a fold begins and when it ends.
        on_progress: Called as cases are read, preprocessed and measured.

    Raises:
        UsageError: There is less than two folds.
        RecipeError: The recipe has problems.
        DataError: The data cannot be trained on in so many folds.
        RunError: The output folder is taken, or cannot be continued, or the training was interrupted.
    """
    if n_folds < 2:
        raise UsageError("folds are two or more", got=f"--folds {n_folds}", fix="leave --folds out for a single run.")
    avoid_faulty_amx_kernels()
    keep_freed_memory()
    requested = read_recipe(recipe_source, overrides)
    folder = RunFolder(output)
    if resume:
        refuse_other_folds(RunFolder.open(output), n_folds)
        refuse_other_recipe(folder, recipe=requested.model_dump(mode="json"), recipe_hash=recipe_hash(requested))
        refuse_finished(folder)
    index = scan_study(requested, data)
    started = time.perf_counter()
    with nullcontext() if resume else new_output_folder(output), log_to_file(folder.log):
        folds = prepare_folds(requested, index, folder, n_folds=n_folds, resume=resume, on_progress=on_progress)
    with log_to_file(folder.log):
        summaries = {
            name: _train(folds, name, folder.member(name), on_stage=on_stage, on_progress=on_progress)
            for name in folds.studies
        }
        measured = _fit_measurement_classifiers(folds, folder)
        n_test = len(next(iter(folds.studies.values())).split.test)
        seconds = time.perf_counter() - started
        summary = summarise_folds(summaries, measured=measured, n_test=n_test, seconds=seconds)
        for line in alarm_lines(summary["alarms"]):
            logger.warning("%s", line)
        write_json(folder.training_summary, summary)
        write_text(folder.training_summary_markdown, folds_markdown(summary))
        write_json(folder.manifest, read_manifest(folder.manifest) | {"finished": now(), "status": "finished"})
    return TrainingResult(folder, summary)


def _fit_measurement_classifiers(folds: Folds, folder: RunFolder) -> dict[str, dict[str, Any]]:
    """Fit the ensemble's classifiers of measurements to the cases as the folds that left them out measured them.

    These are measured no more truly than a new case will be (stacking: Wolpert, Neural Networks 1992).
    """
    recipe = next(iter(folds.studies.values())).recipe
    if recipe.measurements is None:
        return {}
    measured = [
        case
        for name, study in folds.studies.items()
        for case in read_measured_cases(folder.member(name).measurements, study.cases, part="val")
    ]
    return fit_measurement_classifiers(
        recipe,
        load_run(folder.member(next(iter(folds.studies))).path),
        measured,
        folder,
        parts=("val",),
        linked_cases=folds.data.linked_cases,
    )


def _train(
    folds: Folds, name: str, folder: RunFolder, *, on_stage: Callable[[str], None], on_progress: OnProgress
) -> dict[str, Any]:
    """Train a fold, or continue it, or take it as it is where it is finished; return its training_summary.json."""
    study = folds.studies[name]
    label = f"{name.replace('_', ' ')} of {len(folds.studies)}"
    if is_finished(folder):
        summary: dict[str, Any] = read_json(folder.training_summary)
        on_stage(f"{label}: already finished, {SCORE} {summary['at_best_epoch'][SCORE]:.4f}")
        return summary
    started = time.perf_counter()
    resume = folder.last_checkpoint.is_file()
    if not resume:  # what an interrupted first epoch left is of no use
        shutil.rmtree(folder.path, ignore_errors=True)
        claim_output_folder(folder.path)
        folds.begin(name, folder)
    verb = "continues" if resume else "begins"
    on_stage(f"{label} {verb}: {len(study.train)} training and {len(study.val)} validation cases")
    result = train_study(
        study, folder, resume=resume, started=started, classifier_parts=CLASSIFIER_PARTS, on_progress=on_progress
    )
    summary = result.summary
    on_stage(
        f"{label}: {SCORE} {summary['at_best_epoch'][SCORE]:.4f} in epoch {summary['best_epoch']} of "
        f"{summary['epochs']}, {summary['seconds'] / 60:.1f} minutes"
    )
    return summary
