"""What a training works on: from a data folder to a study that is split, settled and preprocessed."""

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote

import numpy as np
import torch

from medweave.building.layout import image_dims
from medweave.building.model import build_model
from medweave.building.study import build_study_source, resolve_patch_sizes, resolve_spacing, without_auto_spacing
from medweave.building.training import build_loss, build_training_dataset, class_shares
from medweave.core.errors import DataError
from medweave.core.files import write_json, write_text
from medweave.core.logging import get_logger
from medweave.data.audit import Audit, audit_index
from medweave.data.case import Case
from medweave.data.dataset import collate
from medweave.data.examination import examine_all
from medweave.data.facts import CaseFacts
from medweave.data.fingerprint import Fingerprint
from medweave.data.index import DatasetIndex
from medweave.data.preparation import PreparedCase, prepare
from medweave.data.split import Split, draw_split
from medweave.preprocessing.cache import ArrayStore, default_cache_folder
from medweave.recipes.loader import dump_recipe, load_recipe, recipe_hash
from medweave.recipes.schema import Recipe
from medweave.runs.continuation import refuse_other_data
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import new_manifest
from medweave.training.precision import fastest_precision
from medweave.training.trainer import default_workers

logger = get_logger(__name__)

#: Files with a warning of the audit that are named; audit.json holds all.
MAX_WARNINGS = 5

#: Called with a stage, how many cases are done and how many there are.
OnProgress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Study:
    """The data of a study, ready for the loop.

    Attributes:
        recipe: With nothing left to resolve.
        index: Every case of the folder.
        split: The cases of each part.
        train: The prepared training cases.
        val: The prepared validation cases.
    """

    recipe: Recipe
    index: DatasetIndex
    split: Split
    train: tuple[PreparedCase, ...]
    val: tuple[PreparedCase, ...]

    @property
    def cases(self) -> dict[str, Case]:
        """Every case of the folder by its name."""
        return {case.case_id: case for case in self.index.cases}


def prepare_study(
    requested: Recipe, index: DatasetIndex, folder: RunFolder, *, resume: bool, on_progress: OnProgress
) -> Study:
    """Examine, audit, split, resolve what is automatic, preprocess; write everything that a person may want to open.

    Args:
        requested: The complete recipe.
        index: The cases.
        folder: Of the run.
        resume: Take recipe and split from the run, which must have begun with the same data.
        on_progress: Called as cases are read and preprocessed.

    Raises:
        DataError: The data cannot be trained on.
        RunError: The run to continue began with other data.
    """
    workers = default_workers() + 1
    facts = examine_all(
        index,
        spatial_dims=image_dims(requested),
        workers=workers,
        on_case=counter("reading", len(index.cases), on_progress),
    )
    data_hash = _data_hash(index, facts)
    if resume:
        refuse_other_data(folder, data_hash, where=index.root)
        recipe, split = load_recipe(folder.recipe), Split.load(folder.split)
    else:
        recipe, split = _begin(requested, index, facts, folder)
    by_id = {case.case_id: case for case in index.cases}
    prepared = {}
    for part in ("train", "val"):
        cases = [by_id[case_id] for case_id in split.part(part)]
        preparation = prepare(
            cases,
            build_study_source(recipe),
            store=ArrayStore(default_cache_folder()),
            workers=workers,
            on_case=counter(f"preprocessing {part}", len(cases), on_progress),
        )
        prepared[part] = preparation.cases
        logger.info(
            "preprocessed %d of %d %s cases; the others were in the cache", preparation.computed, len(cases), part
        )
    if not resume:
        recipe = _settle(recipe, prepared["train"])
        _refuse_unjudged(recipe, prepared["val"])
        write_text(folder.recipe, dump_recipe(recipe))
        write_json(folder.manifest, _manifest(requested, data_hash))
    return Study(recipe, index, split, prepared["train"], prepared["val"])


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
        stratify_by=source.first_target,
        linked_cases=audit.duplicate_groups,
    )
    split.save(folder.split)
    fitted = {*split.train, *split.val}
    write_json(
        folder.fitted_images,
        {
            case.case_id: {name: image.sha256 for name, image in case.images.items()}
            for case in facts
            if case.case_id in fitted
        },
    )
    in_training = set(split.train)
    fingerprint = Fingerprint.of([case for case in facts if case.case_id in in_training])
    fingerprint.save(folder.fingerprint)
    return resolve_spacing(requested, fingerprint), split


def _settle(recipe: Recipe, train: Sequence[PreparedCase]) -> Recipe:
    """Resolve what depends on the preprocessed training cases and on this machine."""
    sizes = _largest_sizes(train)
    _refuse_absent_inputs(recipe, sizes)
    _refuse_absent_structures(recipe, train)
    _refuse_absent_classes(recipe, train)
    recipe = resolve_patch_sizes(recipe, sizes, build_model(recipe).size_divisors)
    return _resolve_training(recipe, train)


def _manifest(requested: Recipe, data_hash: str) -> dict[str, object]:
    return new_manifest(
        seed=requested.training.seed,
        device=_device_name(),
        recipe_hash=recipe_hash(requested),
        requested_recipe=requested.model_dump(mode="json"),
        data_hash=data_hash,
    )


def _resolve_training(recipe: Recipe, train: Sequence[PreparedCase]) -> Recipe:
    """Replace `auto` in the training section by what this machine measures."""
    training = recipe.training
    if training.loader_workers == "auto":
        training = training.model_copy(update={"loader_workers": default_workers()})
    if training.precision == "auto":
        torch.manual_seed(0)
        model = build_model(recipe)
        dataset = build_training_dataset(recipe, train)
        batch = collate([dataset[number % len(dataset), number] for number in range(training.batch_size)])
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        precision = fastest_precision(model, build_loss(recipe, model), batch=batch, device=device)
        training = training.model_copy(update={"precision": precision})
    return recipe.model_copy(update={"training": training})


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


def _refuse_absent_inputs(recipe: Recipe, present: Collection[str]) -> None:
    for name, source in recipe.data.inputs.items():
        if name not in present:
            raise DataError(
                f"no training case has the input {name!r}",
                wanted=f"cases with {' and '.join(source.channels)}",
                fix=f"leave data.inputs.{name} out, add cases, or draw another split (data.split.seed).",
            )


def _refuse_absent_structures(recipe: Recipe, train: Sequence[PreparedCase]) -> None:
    for head, settings in recipe.data.segmentation_heads.items():
        present: set[int] = set()
        for case in train:
            present |= set(np.unique(case.arrays().get(f"foreground.{head}", np.empty((0, 1)))[:, 0]).astype(int))
        absent = [name for position, name in enumerate(settings.structures, start=1) if position not in present]
        if absent:
            raise DataError(
                f"no training case holds {', '.join(absent)} of head {head!r}",
                wanted=f"label values {', '.join(str(settings.structures[name]) for name in absent)}",
                fix=f"correct data.heads.{head}.structures.",
            )


def _refuse_absent_classes(recipe: Recipe, train: Sequence[PreparedCase]) -> None:
    for head, shares in class_shares(recipe, train).items():
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


def _refuse_unjudged(recipe: Recipe, val: Sequence[PreparedCase]) -> None:
    """Refuse a validation part that cannot give the value which chooses the best epoch."""
    monitor = recipe.training.early_stopping.monitor
    head = recipe.monitored_values[monitor]
    truths = {name for case in val for name in case.targets if name in recipe.network_classes}
    truths |= {name for case in val for name in recipe.data.segmentation_heads if f"labels.{name}" in case.arrays()}
    if monitor == f"val/auc_{head}":
        truths &= {name for name, shares in class_shares(recipe, val).items() if any(0 < share < 1 for share in shares)}
    if not truths & ({head} if head else {*recipe.losses}):
        raise DataError(
            f"the validation part cannot give {monitor}",
            where=f"{len(val)} cases",
            wanted="two classes" if monitor == f"val/auc_{head}" else "a case with the truth of its head",
            fix="add cases, draw another split (data.split.seed, data.split.val), or monitor another value "
            "(training.early_stopping.monitor).",
        )


def _largest_sizes(cases: Sequence[PreparedCase]) -> dict[str, tuple[int, ...]]:
    """Return the largest size along each axis over the cases, by input."""
    sizes: dict[str, tuple[int, ...]] = {}
    for case in cases:
        for name, preprocessed in case.inputs().items():
            size = preprocessed.image.shape[1:]
            sizes[name] = tuple(max(pair) for pair in zip(size, sizes.get(name, size), strict=True))
    return sizes


def _data_hash(index: DatasetIndex, facts: Sequence[CaseFacts]) -> str:
    content = [
        [
            case.case_id,
            *((name, part.sha256) for part_of in (case.images, case.label_maps) for name, part in part_of.items()),
            *sorted(case.targets.items()),
        ]
        for case in facts
    ]
    return hashlib.sha256(json.dumps([index.layout, content]).encode()).hexdigest()


def counter(stage: str, total: int, on_progress: OnProgress) -> Callable[..., None]:
    """Return what counts the cases of a stage, called after each, and reports how many are done."""
    done = 0

    def count(*_: object) -> None:
        nonlocal done
        done += 1
        on_progress(stage, done, total)

    return count


def _device_name() -> str:
    return torch.cuda.get_device_name() if torch.cuda.is_available() else platform.processor() or platform.machine()
