"""What a training works on: from a data folder to a study that is split, settled and preprocessed."""

import hashlib
import json
import logging
import platform
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import torch

from medweave.building.layout import image_dims, scan_data
from medweave.building.model import build_model
from medweave.building.study import build_study_source, resolve_patch_sizes, resolve_spacing, without_auto_spacing
from medweave.building.training import build_loss, build_training_dataset
from medweave.core.files import write_json, write_text
from medweave.core.logging import get_logger
from medweave.data.audit import Audit, audit_index
from medweave.data.case import Case
from medweave.data.dataset import collate
from medweave.data.examination import examine_all
from medweave.data.facts import CaseFacts
from medweave.data.facts_store import FactsStore
from medweave.data.fingerprint import Fingerprint
from medweave.data.index import DatasetIndex
from medweave.data.preparation import PreparedCase, prepare
from medweave.data.split import Split, draw_split, linked_through_all
from medweave.inference.device import best_device
from medweave.preprocessing.cache import ArrayStore, default_cache_folder
from medweave.recipes.loader import dump_recipe, load_recipe, recipe_hash
from medweave.recipes.schema import Recipe
from medweave.runs.continuation import refuse_other_data
from medweave.runs.folder import RunFolder
from medweave.runs.manifest import new_manifest
from medweave.training.memory import memory_explained
from medweave.training.precision import fastest_precision
from medweave.training.trainer import default_workers
from medweave.workflows.study_refusals import refuse_broken_data, refuse_unjudged, refuse_untrainable

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


@dataclass(frozen=True)
class ExaminedData:
    """A data folder of which every file was looked at.

    Attributes:
        index: The cases.
        facts: What was found, of every case.
    """

    index: DatasetIndex
    facts: tuple[CaseFacts, ...]

    @cached_property
    def audit(self) -> Audit:
        """What is wrong, and which cases are copies."""
        return audit_index(self.index, self.facts)

    @cached_property
    def linked_cases(self) -> list[list[str]]:
        """Groups of case ids that stay together: of one subject, and copies."""
        return linked_through_all(self.index.cases, self.audit.duplicate_groups)

    @cached_property
    def content_hash(self) -> str:
        """Hash of the cases and their contents."""
        content = [
            [
                case.case_id,
                *((name, part.sha256) for part_of in (case.images, case.label_maps) for name, part in part_of.items()),
                *sorted(case.targets.items()),
            ]
            for case in self.facts
        ]
        return hashlib.sha256(json.dumps([self.index.layout, content]).encode()).hexdigest()

    def fingerprint(self, case_ids: Collection[str]) -> Fingerprint:
        """Return the statistics of some cases."""
        wanted = set(case_ids)
        return Fingerprint.of([case for case in self.facts if case.case_id in wanted])


def scan_study(requested: Recipe, data: Path) -> DatasetIndex:
    """Find the cases of a data folder and refuse one without the images, label maps or targets of the recipe.

    Raises:
        DataError: The folder is not in the recipe's layout, or lacks what the recipe names.
    """
    index = scan_data(data, requested.data)
    build_study_source(without_auto_spacing(requested)).check(index)
    return index


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
    data = examine(requested, index, on_progress=on_progress)
    if resume:
        refuse_other_data(folder, data.content_hash, where=index.root)
        recipe, split = load_recipe(folder.recipe), Split.load(folder.split)
        train, val = (preprocess(recipe, index, split.part(part), part, on_progress) for part in ("train", "val"))
        return Study(recipe, index, split, train, val)
    split = draw_study_split(requested, data)
    fingerprint = data.fingerprint(split.train)
    recipe = resolve_spacing(requested, fingerprint)
    train, val = (preprocess(recipe, index, split.part(part), part, on_progress) for part in ("train", "val"))
    refuse_untrainable(recipe, train)
    recipe = settle(recipe, train)
    refuse_unjudged(recipe, val)
    write_beginning(folder, requested, recipe, data=data, split=split, fingerprint=fingerprint)
    return Study(recipe, index, split, train, val)


def examine(requested: Recipe, index: DatasetIndex, *, on_progress: OnProgress) -> ExaminedData:
    """Look at every file of the cases."""
    facts = examine_all(
        index,
        spatial_dims=image_dims(requested),
        store=FactsStore(ArrayStore(default_cache_folder())),
        workers=default_workers() + 1,
        on_case=counter("reading", len(index.cases), on_progress),
    )
    return ExaminedData(index, tuple(facts))


def draw_study_split(requested: Recipe, data: ExaminedData) -> Split:
    """Audit the data, refuse them where they are broken, and divide the labelled cases as the recipe says.

    Raises:
        DataError: The audit found an error, or there are too few subjects.
    """
    refuse_broken_data(data.audit, data.index.root)
    _log_warnings(data.audit)
    shares = requested.data.split
    source = build_study_source(without_auto_spacing(requested))
    for line in source.left_out(data.index.cases):
        logger.warning("%s", line)
    return draw_split(
        [case for case in data.index.cases if source.is_usable(case)],
        shares={"train": shares.train, "val": shares.val, "test": shares.test},
        seed=shares.seed,
        stratify_by=source.first_target,
        linked_cases=data.linked_cases,
    )


def preprocess(
    recipe: Recipe, index: DatasetIndex, case_ids: Collection[str], part: str, on_progress: OnProgress
) -> tuple[PreparedCase, ...]:
    """Preprocess cases of an index into the store, those that are not there yet.

    Args:
        recipe: With its spacing resolved.
        index: The cases.
        case_ids: Of the part.
        part: Its name, for messages.
        on_progress: Called after each case.
    """
    by_id = {case.case_id: case for case in index.cases}
    preparation = prepare(
        [by_id[case_id] for case_id in case_ids],
        build_study_source(recipe),
        store=ArrayStore(default_cache_folder()),
        workers=default_workers() + 1,
        on_case=counter(f"preprocessing {part}", len(case_ids), on_progress),
    )
    logger.info(
        "preprocessed %d of %d %s cases; the others were in the cache", preparation.computed, len(case_ids), part
    )
    return preparation.cases


def settle(recipe: Recipe, train: Sequence[PreparedCase]) -> Recipe:
    """Resolve what depends on the preprocessed training cases and on this machine."""
    recipe = resolve_patch_sizes(recipe, _largest_sizes(train), build_model(recipe).size_divisors)
    return _resolve_training(recipe, train)


def write_beginning(
    folder: RunFolder,
    requested: Recipe,
    recipe: Recipe,
    *,
    data: ExaminedData,
    split: Split,
    fingerprint: Fingerprint,
) -> None:
    """Write what a run begins with.

    Args:
        folder: Of the run.
        requested: The complete recipe.
        recipe: With nothing left to resolve.
        data: The data.
        split: The cases of each part.
        fingerprint: What the recipe was resolved by.
    """
    data.audit.save(folder.audit)
    data.index.save(folder.index)
    split.save(folder.split)
    fitted = {*split.train, *split.val}
    write_json(
        folder.fitted_images,
        {
            case.case_id: {name: image.sha256 for name, image in case.images.items()}
            for case in data.facts
            if case.case_id in fitted
        },
    )
    fingerprint.save(folder.fingerprint)
    write_text(folder.recipe, dump_recipe(recipe))
    manifest = new_manifest(
        seed=requested.training.seed,
        device=_device_name(),
        recipe_hash=recipe_hash(requested),
        requested_recipe=requested.model_dump(mode="json"),
        data_hash=data.content_hash,
    )
    write_json(folder.manifest, manifest)


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
        with memory_explained():
            precision = fastest_precision(model, build_loss(recipe, model), batch=batch, device=best_device())
        training = training.model_copy(update={"precision": precision})
    return recipe.model_copy(update={"training": training})


def _log_warnings(audit: Audit) -> None:
    """Warn of single files; what concerns the data as a whole is a matter for `medweave inspect` and the log."""
    of_files = [finding for finding in audit.warnings if finding.path is not None]
    for finding in audit.warnings:
        level = logging.WARNING if finding in of_files[:MAX_WARNINGS] else logging.INFO
        logger.log(level, "%s (%s). Fix: %s", finding.message, finding.where, finding.fix)
    if len(of_files) > MAX_WARNINGS:
        logger.warning("and %d more files with a warning, all in audit.json", len(of_files) - MAX_WARNINGS)


def _largest_sizes(cases: Sequence[PreparedCase]) -> dict[str, tuple[int, ...]]:
    """Return the largest size along each axis over the cases, by input."""
    sizes: dict[str, tuple[int, ...]] = {}
    for case in cases:
        for name, preprocessed in case.inputs().items():
            size = preprocessed.image.shape[1:]
            sizes[name] = tuple(max(pair) for pair in zip(size, sizes.get(name, size), strict=True))
    return sizes


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
