"""What a training in folds works on: one study a fold, all of one recipe and one preprocessing."""

from collections.abc import Mapping
from dataclasses import dataclass

from medweave.building.study import build_study_source, resolve_spacing, without_auto_spacing
from medweave.core.errors import DataError
from medweave.data.fingerprint import Fingerprint
from medweave.data.folds import draw_folds
from medweave.data.index import DatasetIndex
from medweave.data.preparation import PreparedCase
from medweave.data.split import Split
from medweave.recipes.loader import load_recipe
from medweave.recipes.schema import Recipe
from medweave.runs.continuation import refuse_other_data
from medweave.runs.ensemble import Ensemble
from medweave.runs.folder import RunFolder
from medweave.workflows.study import (
    ExaminedData,
    OnProgress,
    Study,
    draw_study_split,
    examine,
    preprocess,
    settle,
    write_beginning,
)
from medweave.workflows.study_refusals import refuse_unjudged, refuse_untrainable


@dataclass(frozen=True)
class Folds:
    """The studies of an ensemble.

    Attributes:
        requested: The complete recipe.
        data: The data.
        fingerprint: Of the training and the validation part together, which the folds' recipe was resolved by.
        studies: By the name of the fold's folder.
    """

    requested: Recipe
    data: ExaminedData
    fingerprint: Fingerprint
    studies: Mapping[str, Study]

    def begin(self, name: str, folder: RunFolder) -> None:
        """Write what the run of a fold begins with."""
        study = self.studies[name]
        write_beginning(
            folder, self.requested, study.recipe, data=self.data, split=study.split, fingerprint=self.fingerprint
        )


def prepare_folds(
    requested: Recipe, index: DatasetIndex, folder: RunFolder, *, n_folds: int, resume: bool, on_progress: OnProgress
) -> Folds:
    """Examine, audit, split, draw folds of train and val, resolve what is automatic, preprocess.

    What is automatic is resolved once, by the training and the validation part together, so that all folds preprocess
    alike and their answers lie on one grid.

    Args:
        requested: The complete recipe.
        index: The cases.
        folder: Of the ensemble.
        n_folds: At least 2; with `resume` as many as the ensemble has.
        resume: Take recipe, split and folds from the folder, which must have begun with the same data.
        on_progress: Called as cases are read and preprocessed.

    Raises:
        DataError: The data cannot be trained on in so many folds.
        RunError: The ensemble to continue began with other data.
    """
    data = examine(requested, index, on_progress=on_progress)
    if resume:
        refuse_other_data(folder, data.content_hash, where=index.root)
        split, left_out = Split.load(folder.split), Ensemble.load(folder.ensemble).folds
        splits = {name: _fold_of(split, case_ids) for name, case_ids in left_out.items()}
        recipe, fingerprint = load_recipe(folder.recipe), Fingerprint.load(folder.fingerprint)
    else:
        split = draw_study_split(requested, data)
        splits = _draw(requested, data, split, n_folds=n_folds)
        fingerprint = data.fingerprint({*split.train, *split.val})
        recipe = resolve_spacing(requested, fingerprint)
    fitted = (*split.train, *split.val)
    prepared = {case.case_id: case for case in preprocess(recipe, index, fitted, "train and val", on_progress)}
    if not resume:
        recipe = settle(recipe, tuple(prepared.values()))
    studies = {name: _study(recipe, index, of_fold, prepared) for name, of_fold in splits.items()}
    if not resume:
        for name, study in studies.items():
            _refuse_unfit(name, study)
        write_beginning(folder, requested, recipe, data=data, split=split, fingerprint=fingerprint)
        Ensemble({name: of_fold.val for name, of_fold in splits.items()}).save(folder.ensemble)
    return Folds(requested, data, fingerprint, studies)


def _draw(requested: Recipe, data: ExaminedData, split: Split, *, n_folds: int) -> dict[str, Split]:
    folds = draw_folds(
        data.index.cases,
        split,
        n_folds=n_folds,
        seed=requested.data.split.seed,
        stratify_by=build_study_source(without_auto_spacing(requested)).first_target,
        linked_cases=data.linked_cases,
    )
    return {f"fold_{number}": of_fold for number, of_fold in enumerate(folds, start=1)}


def _fold_of(split: Split, left_out: tuple[str, ...]) -> Split:
    """Return the split of a fold from the cases that it leaves out."""
    return Split(train=tuple(sorted({*split.train, *split.val} - {*left_out})), val=left_out, test=split.test)


def _study(recipe: Recipe, index: DatasetIndex, split: Split, prepared: Mapping[str, PreparedCase]) -> Study:
    train, val = (tuple(prepared[case_id] for case_id in case_ids) for case_ids in (split.train, split.val))
    return Study(recipe, index, split, train, val)


def _refuse_unfit(name: str, study: Study) -> None:
    """Refuse, before any fold is trained, a fold that could not be."""
    try:
        refuse_untrainable(study.recipe, study.train)
        refuse_unjudged(study.recipe, study.val)
    except DataError as error:
        where = f"{name}, {error.where}" if error.where else name
        fix = f"ask for fewer folds; or {error.fix}" if error.fix else "ask for fewer folds."
        raise DataError(error.what, where=where, got=error.got, wanted=error.wanted, fix=fix) from error
