"""From a recipe and a data folder to a run."""

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from medweave.building.check import read_recipe
from medweave.building.model import build_model
from medweave.building.study import build_study_source
from medweave.building.training import (
    build_loss,
    build_optimizer,
    build_scheduler,
    build_training_dataset,
    class_shares,
)
from medweave.core.allocation import keep_freed_memory
from medweave.core.files import new_output_folder, write_json, write_text
from medweave.core.logging import log_to_file
from medweave.data.audit import Audit
from medweave.data.preparation import PreparedCase
from medweave.data.split import Part, linked_through_all
from medweave.inference.backends.torch import avoid_faulty_amx_kernels, to_channels_last
from medweave.inference.predictor import Predictor
from medweave.inference.run_model import build_predictor, load_run
from medweave.inference.temperature import save_temperatures
from medweave.models.multitask import MultiTaskModel
from medweave.optimization.schedulers import Course
from medweave.recipes.loader import recipe_hash
from medweave.recipes.schema import Recipe
from medweave.runs.continuation import (
    refuse_finished,
    refuse_other_folds,
    refuse_other_recipe,
    refuse_without_checkpoint,
)
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import now, read_manifest
from medweave.training.calibration import fit_temperatures
from medweave.training.input_gate import fit_input_gate, gate_cases
from medweave.training.measurement import fit_measurement_classifiers, measure_cases
from medweave.training.module import MultiTaskModule
from medweave.training.pictures import save_class_distribution, save_curves
from medweave.training.study_case import StudyCase
from medweave.training.summary import class_counts, summarise_training, summary_markdown
from medweave.training.trainer import LoopSettings, Outcome, fit
from medweave.training.training_fit import fitted_cases, score_fitted_cases
from medweave.workflows.study import OnProgress, Study, counter, prepare_study, scan_study


@dataclass(frozen=True)
class TrainingResult:
    """What a training left.

    Attributes:
        run: The run folder.
        summary: Content of training_summary.json.
    """

    run: RunFolder
    summary: dict[str, Any]


def run(
    recipe_source: str | Path,
    *,
    data: Path,
    output: Path,
    overrides: Sequence[str] = (),
    resume: bool = False,
    on_progress: OnProgress = lambda _stage, _done, _total: None,
) -> TrainingResult:
    """Train a recipe on a data folder.

    Args:
        recipe_source: Library name or file.
        data: Data folder.
        output: Run folder; must be empty, or with `resume` hold the run to continue.
        overrides: Each `dotted.key=value`.
        resume: Continue from the last checkpoint; the recipe and the data must be those that the run began with.
        on_progress: Called as cases are read and preprocessed.

    Raises:
        RecipeError: The recipe has problems.
        DataError: The data cannot be trained on.
        RunError: The output folder is taken, or the run cannot be continued, or the training was interrupted.
    """
    avoid_faulty_amx_kernels()
    keep_freed_memory()
    requested = read_recipe(recipe_source, overrides)
    folder = RunFolder(output)
    if resume:
        refuse_other_folds(RunFolder.open(output), None)
        refuse_other_recipe(folder, recipe=requested.model_dump(mode="json"), recipe_hash=recipe_hash(requested))
        refuse_without_checkpoint(folder)
        refuse_finished(folder)
    index = scan_study(requested, data)
    started = time.perf_counter()
    with nullcontext() if resume else new_output_folder(output), log_to_file(folder.log):
        study = prepare_study(requested, index, folder, resume=resume, on_progress=on_progress)
    return train_study(study, folder, resume=resume, started=started, on_progress=on_progress)


def train_study(
    study: Study,
    folder: RunFolder,
    *,
    resume: bool,
    started: float,
    classifier_parts: Collection[Part] = ("train", "val"),
    on_progress: OnProgress,
) -> TrainingResult:
    """Run the loop on a prepared study and all that follows it.

    Args:
        study: The study.
        folder: Of the run, with what a run begins with.
        resume: Continue from the last checkpoint.
        started: When the training began, by `time.perf_counter`.
        classifier_parts: Whose cases the classifiers of measurements are fitted to.
        on_progress: Called as cases are measured.

    Raises:
        RunError: The training was interrupted, or gave nothing that could be used.
    """
    with log_to_file(folder.log):
        outcome, module = _train(study, folder, resume=resume)
        best = load_run(folder.path)
        _calibrate(study, best, folder)
        _learn_inputs(study, best, folder, on_progress=on_progress)
        measured = _measure(study, best, folder, classifier_parts=classifier_parts, on_progress=on_progress)
        fitted = _score_fitted(study, best, on_progress=on_progress)
        seconds = time.perf_counter() - started
        summary = _finish(study, folder, outcome, module.model, measured=measured, fitted=fitted, seconds=seconds)
        return TrainingResult(folder, summary)


def _train(study: Study, folder: RunFolder, *, resume: bool) -> tuple[Outcome, MultiTaskModule]:
    recipe = study.recipe
    torch.manual_seed(recipe.training.seed)
    model = to_channels_last(build_model(recipe))
    dataset = build_training_dataset(recipe, study.train)
    settings = _loop_settings(recipe)
    course = Course(settings.max_epochs, settings.steps_per_epoch(len(dataset)))
    module = MultiTaskModule(
        model=model,
        loss=build_loss(recipe, model, class_shares=class_shares(recipe, study.train)),
        predictor=build_predictor(recipe, model),
        make_optimizer=partial(build_optimizer, recipe),
        make_schedule=lambda optimizer: build_scheduler(recipe, optimizer, course),
        seed=settings.seed,
    )
    validation = _study_cases(study, study.val)
    outcome = fit(module, training=dataset, validation=validation, settings=settings, run=folder, resume=resume)
    return outcome, module


def _loop_settings(recipe: Recipe) -> LoopSettings:
    training = recipe.training
    return LoopSettings(
        max_epochs=training.max_epochs,
        batch_size=training.batch_size,
        per_case=recipe.patches.per_case if recipe.patches else 1,
        accumulate_batches=training.accumulate_batches,
        gradient_clip_norm=training.gradient_clip_norm,
        monitor=training.early_stopping.monitor,
        patience=training.early_stopping.patience,
        validate_every_epochs=training.validate_every_epochs,
        precision=training.precision,
        max_time=training.max_time,
        loader_workers=int(training.loader_workers),
        seed=training.seed,
        balance=training.balance,
        weight_average_epochs=training.weight_average_epochs,
    )


def _calibrate(study: Study, best: Predictor, folder: RunFolder) -> None:
    """Fit a temperature for each classification head of the best weights."""
    fits = fit_temperatures(best, study.val) if study.recipe.data.classification_heads else {}
    if fits:
        save_temperatures(folder.calibration, fits)


def _learn_inputs(study: Study, best: Predictor, folder: RunFolder, *, on_progress: OnProgress) -> None:
    """Keep what the inputs of the fitted cases are like, to know another one."""
    training, validation = (_study_cases(study, part) for part in (study.train, study.val))
    total = len(gate_cases(training)) + len(gate_cases(validation))
    gate = fit_input_gate(
        best,
        training=training,
        validation=validation,
        on_case=counter("learning the inputs", total, on_progress),
    )
    gate.save(folder.input_gate)


def _measure(
    study: Study, best: Predictor, folder: RunFolder, *, classifier_parts: Collection[Part], on_progress: OnProgress
) -> dict[str, dict[str, Any]]:
    """Measure the fitted cases with the best weights, and fit the classifiers of measurements."""
    if study.recipe.measurements is None:
        return {}
    parts = {part: [study.cases[case_id] for case_id in study.split.part(part)] for part in ("train", "val")}
    on_case = counter("measuring", sum(len(cases) for cases in parts.values()), on_progress)
    measured = measure_cases(best, parts, on_case=on_case)
    linked_cases = linked_through_all(study.index.cases, Audit.load(folder.audit).duplicate_groups)
    return fit_measurement_classifiers(
        study.recipe, best, measured, folder, parts=classifier_parts, linked_cases=linked_cases
    )


def _score_fitted(study: Study, best: Predictor, *, on_progress: OnProgress) -> dict[str, Any]:
    """Score training cases with the best weights, to set beside the validation's scores."""
    cases = fitted_cases(_study_cases(study, study.train), validation=len(study.val))
    on_case = counter("scoring training cases", len(cases), on_progress)
    return {"cases": len(cases), "scores": score_fitted_cases(best, cases, on_case=on_case)}


def _study_cases(study: Study, part: Sequence[PreparedCase]) -> list[StudyCase]:
    cases = study.cases
    return [StudyCase(cases[prepared.case_id], prepared) for prepared in part]


def _finish(
    study: Study,
    folder: RunFolder,
    outcome: Outcome,
    model: MultiTaskModel,
    *,
    measured: Mapping[str, Mapping[str, Any]],
    fitted: Mapping[str, Any],
    seconds: float,
) -> dict[str, Any]:
    """Write the summary, the curves and the end into the manifest."""
    classes = class_counts(study.cases, split=study.split, targets=build_study_source(study.recipe).targets)
    summary = summarise_training(
        outcome,
        recipe=study.recipe,
        split=study.split,
        classes=classes,
        folder=folder,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        seconds=seconds,
        measured=measured,
        fitted=fitted,
    )
    save_curves(outcome, recipe=study.recipe, folder=folder)
    save_class_distribution(classes, folder=folder)
    write_json(folder.training_summary, summary)
    write_text(folder.training_summary_markdown, summary_markdown(summary))
    manifest = read_manifest(folder.manifest)
    write_json(folder.manifest, manifest | {"finished": now(), "status": "finished"})
    return summary
