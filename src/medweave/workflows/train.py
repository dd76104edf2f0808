"""From a recipe and a data folder to a run."""

import hashlib
import json
import logging
import platform
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from shlex import quote
from typing import Any

import numpy as np
import torch

from medweave.building.check import complete_recipe
from medweave.building.layout import build_layout
from medweave.building.model import build_model
from medweave.building.study import build_study_source, resolve_patch_sizes, resolve_spacing, without_auto_spacing
from medweave.building.training import build_loss, build_optimizer, build_sample_layouts, build_scheduler
from medweave.core.errors import DataError, RunError
from medweave.core.files import new_output_folder, write_json, write_text
from medweave.core.logging import get_logger, log_to_file
from medweave.data.audit import Audit, audit_index
from medweave.data.dataset import TrainingDataset, collate
from medweave.data.examination import examine_all
from medweave.data.facts import CaseFacts
from medweave.data.fingerprint import Fingerprint
from medweave.data.index import DatasetIndex
from medweave.data.layouts.layout import scan
from medweave.data.preparation import Preparation, prepare
from medweave.data.split import Split, draw_split
from medweave.inference.backends.torch import to_channels_last
from medweave.inference.predictor import build_predictor
from medweave.models.multitask import MultiTaskModel
from medweave.optimization.schedulers import Course
from medweave.preprocessing.cache import ArrayStore, default_cache_folder
from medweave.recipes.loader import dump_recipe, load_recipe, recipe_hash
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import new_manifest, now, read_manifest
from medweave.training.module import MultiTaskModule, ValidationCase
from medweave.training.pictures import save_class_distribution, save_curves
from medweave.training.precision import fastest_precision
from medweave.training.summary import summarise_training, summary_markdown
from medweave.training.trainer import LoopSettings, Outcome, default_workers, fit

logger = get_logger(__name__)

#: Files with a warning of the audit that are named; audit.json holds all.
MAX_WARNINGS = 5

#: Called with a stage, how many cases are done and how many there are.
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class TrainingResult:
    """What a training left.

    Attributes:
        run: The run folder.
        summary: Content of training_summary.json.
    """

    run: RunFolder
    summary: dict[str, Any]


@dataclass(frozen=True)
class _Study:
    """The data of a study, ready for the loop."""

    recipe: Recipe
    index: DatasetIndex
    split: Split
    train: Preparation
    val: Preparation


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
    requested = complete_recipe(load_recipe(recipe_source, overrides), recipe_source)
    folder = RunFolder(output)
    if resume:
        _refuse_other_recipe(RunFolder.open(output), requested)
    index = scan(data, layout=build_layout(requested.data.layout))
    build_study_source(without_auto_spacing(requested)).check(index)
    started = time.perf_counter()
    with nullcontext() if resume else new_output_folder(output), log_to_file(folder.log):
        study = _prepare_data(requested, index, folder, resume=resume, on_progress=on_progress)
    with log_to_file(folder.log):
        outcome, module = _train(study, folder, resume=resume)
        return TrainingResult(folder, _finish(study, folder, outcome, module.model, time.perf_counter() - started))


def _prepare_data(
    requested: Recipe, index: DatasetIndex, folder: RunFolder, *, resume: bool, on_progress: OnProgress
) -> _Study:
    """Examine, audit, split, resolve what is automatic, preprocess; write everything that a person may want to open."""
    workers = default_workers() + 1
    facts = examine_all(index, workers=workers, on_case=_counter("reading", len(index.cases), on_progress))
    data_hash = _data_hash(index, facts)
    if resume:
        _refuse_other_data(folder, data_hash, where=index.root)
        recipe, split = load_recipe(folder.recipe), Split.load(folder.split)
    else:
        recipe, split = _begin(requested, index, facts, folder)
    by_id = {case.case_id: case for case in index.cases}
    prepared = {}
    for part in ("train", "val"):
        cases = [by_id[case_id] for case_id in split.part(part)]
        prepared[part] = prepare(
            cases,
            build_study_source(recipe),
            store=ArrayStore(default_cache_folder()),
            workers=workers,
            on_case=_counter(f"preprocessing {part}", len(cases), on_progress),
        )
        logger.info(
            "preprocessed %d of %d %s cases; the others were in the cache", prepared[part].computed, len(cases), part
        )
    if not resume:
        recipe = _settle(recipe, prepared["train"])
        write_text(folder.recipe, dump_recipe(recipe))
        write_json(folder.manifest, _manifest(requested, data_hash))
    return _Study(recipe, index, split, prepared["train"], prepared["val"])


def _begin(
    requested: Recipe, index: DatasetIndex, facts: Sequence[CaseFacts], folder: RunFolder
) -> tuple[Recipe, Split]:
    """Audit and split the data of a new run and resolve the spacing from the training part; write each result."""
    audit = audit_index(index, facts)
    audit.save(folder.audit)
    index.save(folder.index)
    _refuse_broken_data(audit, index.root)
    _log_warnings(audit)
    shares = requested.data.split
    source = build_study_source(without_auto_spacing(requested))
    split = draw_split(
        [case for case in index.cases if source.is_usable(case)],
        shares={"train": shares.train, "val": shares.val, "test": shares.test},
        seed=shares.seed,
        linked_cases=audit.duplicate_groups,
    )
    split.save(folder.split)
    in_training = set(split.train)
    fingerprint = Fingerprint.of([case for case in facts if case.case_id in in_training])
    fingerprint.save(folder.fingerprint)
    return resolve_spacing(requested, fingerprint), split


def _settle(recipe: Recipe, train: Preparation) -> Recipe:
    """Resolve what depends on the preprocessed training cases and on this machine."""
    _refuse_absent_structures(recipe, train)
    _refuse_absent_classes(recipe, train)
    recipe = resolve_patch_sizes(recipe, _largest_sizes(train), build_model(recipe).size_divisors)
    return _resolve_training(recipe, train)


def _manifest(requested: Recipe, data_hash: str) -> dict[str, Any]:
    return new_manifest(
        seed=requested.training.seed,
        device=_device_name(),
        recipe_hash=recipe_hash(requested),
        requested_recipe=requested.model_dump(mode="json"),
        data_hash=data_hash,
    )


def _train(study: _Study, folder: RunFolder, *, resume: bool) -> tuple[Outcome, MultiTaskModule]:
    recipe = study.recipe
    torch.manual_seed(recipe.training.seed)
    model = to_channels_last(build_model(recipe))
    dataset = _training_dataset(recipe, study.train)
    settings = _loop_settings(recipe)
    course = Course(settings.max_epochs, settings.steps_per_epoch(len(dataset)))
    module = MultiTaskModule(
        model=model,
        loss=build_loss(recipe, model, class_shares=_class_shares(recipe, study.train)),
        predictor=build_predictor(recipe, model),
        make_optimizer=partial(build_optimizer, recipe),
        make_schedule=lambda optimizer: build_scheduler(recipe, optimizer, course),
        seed=settings.seed,
    )
    by_id = {case.case_id: case for case in study.index.cases}
    validation = [ValidationCase(by_id[prepared.case_id], prepared) for prepared in study.val.cases]
    outcome = fit(module, training=dataset, validation=validation, settings=settings, run=folder, resume=resume)
    return outcome, module


def _training_dataset(recipe: Recipe, train: Preparation) -> TrainingDataset:
    return TrainingDataset(
        train.cases,
        inputs=build_sample_layouts(recipe, build_study_source(recipe)),
        foreground=recipe.patches.foreground if recipe.patches else 0.0,
        targets={
            name: (0.0,) * len(head.classes) if head.multi_label else 0
            for name, head in recipe.data.classification_heads.items()
        },
    )


def _class_shares(recipe: Recipe, train: Preparation) -> dict[str, tuple[float, ...]]:
    """Return the share of the training cases with a target that have each class, by classification head."""
    shares = {}
    for name, head in recipe.data.classification_heads.items():
        targets = [case.targets[name] for case in train.cases if name in case.targets]
        rows = [target if isinstance(target, tuple) else np.eye(len(head.classes))[target] for target in targets]
        counts = np.reshape(rows, (-1, len(head.classes))).sum(axis=0)
        shares[name] = tuple(float(count) / max(len(rows), 1) for count in counts)
    return shares


def _resolve_training(recipe: Recipe, train: Preparation) -> Recipe:
    """Replace `auto` in the training section by what this machine measures."""
    training = recipe.training
    if training.loader_workers == "auto":
        training = training.model_copy(update={"loader_workers": default_workers()})
    if training.precision == "auto":
        torch.manual_seed(0)
        model = build_model(recipe)
        dataset = _training_dataset(recipe, train)
        batch = collate([dataset[number % len(dataset), number] for number in range(training.batch_size)])
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        precision = fastest_precision(model, build_loss(recipe, model), batch=batch, device=device)
        training = training.model_copy(update={"precision": precision})
    return recipe.model_copy(update={"training": training})


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
    )


def _finish(
    study: _Study, folder: RunFolder, outcome: Outcome, model: MultiTaskModel, seconds: float
) -> dict[str, Any]:
    """Write the summary, the curves and the end into the manifest."""
    summary = summarise_training(
        outcome,
        recipe=study.recipe,
        split=study.split,
        folder=folder,
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        seconds=seconds,
    )
    save_curves(outcome, recipe=study.recipe, folder=folder)
    cases = {case.case_id: case for case in study.index.cases}
    targets = build_study_source(study.recipe).targets
    save_class_distribution(cases, split=study.split, targets=targets, folder=folder)
    write_json(folder.training_summary, summary)
    write_text(folder.training_summary_markdown, summary_markdown(summary))
    manifest = read_manifest(folder.manifest)
    write_json(folder.manifest, manifest | {"finished": now(), "status": "finished"})
    return summary


def _refuse_other_recipe(folder: RunFolder, requested: Recipe) -> None:
    manifest = read_manifest(folder.manifest)
    if manifest["recipe_hash"] != recipe_hash(requested):
        before, after = _flat(manifest["requested_recipe"]), _flat(requested.model_dump(mode="json"))
        changed = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        details = "; ".join(f"{key} was {before.get(key)}, is {after.get(key)}" for key in changed[:5])
        raise RunError(
            "the recipe is not the one that the run began with",
            where=folder.path,
            got=details,
            fix="give the same recipe and overrides, or train into a new folder.",
        )
    if not folder.last_checkpoint.is_file():
        raise RunError(
            "the run has no checkpoint to continue from",
            where=folder.last_checkpoint,
            fix="remove the folder and start again without --resume.",
        )
    if manifest["status"] == "finished":
        raise RunError(
            "the run is finished; there is nothing to continue",
            where=folder.path,
            fix=f"judge it with `medweave evaluate {quote(str(folder.path))}`, or train into a new folder.",
        )


def _refuse_other_data(folder: RunFolder, data_hash: str, *, where: Path) -> None:
    recorded = read_manifest(folder.manifest)["data_hash"]
    if recorded != data_hash:
        raise RunError(
            "the data are not those that the run began with",
            where=where,
            got=f"content hash {data_hash[:12]}",
            wanted=recorded[:12],
            fix="give the run's own data, or start a new run.",
        )


def _refuse_broken_data(audit: Audit, data: Path) -> None:
    if audit.errors:
        first = audit.errors[0]
        others = f" (and {len(audit.errors) - 1} more errors)" if len(audit.errors) > 1 else ""
        raise DataError(
            f"{first.message}{others}",
            where=first.where,
            fix=f"{first.fix.rstrip('.')}; `medweave inspect {quote(str(data))}` shows all that is wrong.",
        )


def _log_warnings(audit: Audit) -> None:
    """Warn of single files; what concerns the data as a whole is a matter for `medweave inspect` and the log."""
    of_files = [finding for finding in audit.warnings if finding.path is not None]
    for finding in audit.warnings:
        level = logging.WARNING if finding in of_files[:MAX_WARNINGS] else logging.INFO
        logger.log(level, "%s (%s). Fix: %s", finding.message, finding.where, finding.fix)
    if len(of_files) > MAX_WARNINGS:
        logger.warning("and %d more files with a warning, all in audit.json", len(of_files) - MAX_WARNINGS)


def _refuse_absent_structures(recipe: Recipe, train: Preparation) -> None:
    for head, settings in recipe.data.segmentation_heads.items():
        present: set[int] = set()
        for case in train.cases:
            present |= set(np.unique(case.arrays().get(f"foreground.{head}", np.empty((0, 1)))[:, 0]).astype(int))
        absent = [name for position, name in enumerate(settings.structures, start=1) if position not in present]
        if absent:
            raise DataError(
                f"no training case holds {', '.join(absent)} of head {head!r}",
                wanted=f"label values {', '.join(str(settings.structures[name]) for name in absent)}",
                fix=f"correct data.heads.{head}.structures.",
            )


def _refuse_absent_classes(recipe: Recipe, train: Preparation) -> None:
    for head, shares in _class_shares(recipe, train).items():
        absent = [
            name
            for name, share in zip(recipe.data.classification_heads[head].classes, shares, strict=True)
            if not share
        ]
        if absent:
            raise DataError(
                f"no training case is of class {', '.join(absent)} of head {head!r}",
                fix=f"correct data.heads.{head}.classes, add cases, or draw another split (data.split.seed).",
            )


def _largest_sizes(preparation: Preparation) -> dict[str, tuple[int, ...]]:
    """Return the largest size along each axis over the cases, by input."""
    sizes: dict[str, tuple[int, ...]] = {}
    for case in preparation.cases:
        for name, preprocessed in case.inputs().items():
            size = preprocessed.image.shape[1:]
            sizes[name] = tuple(max(pair) for pair in zip(size, sizes.get(name, size), strict=True))
    return sizes


def _data_hash(index: DatasetIndex, facts: Sequence[CaseFacts]) -> str:
    content = [
        [
            case.case_id,
            *((name, part.sha256) for part_of in (case.images, case.label_maps) for name, part in part_of.items()),
        ]
        for case in facts
    ]
    return hashlib.sha256(json.dumps([index.layout, content]).encode()).hexdigest()


def _counter(stage: str, total: int, on_progress: OnProgress) -> Callable[..., None]:
    done = 0

    def count(*_: object) -> None:
        nonlocal done
        done += 1
        on_progress(stage, done, total)

    return count


def _flat(content: Any, prefix: str = "") -> dict[str, Any]:
    if isinstance(content, dict):
        return {key: value for name, part in content.items() for key, value in _flat(part, f"{prefix}{name}.").items()}
    return {prefix.rstrip("."): content}


def _device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
