"""Folds: dividing the cases that a split gives to training and validation, so that each is left out once."""

from collections.abc import Sequence

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.split import Split, deal, subject_groups


def draw_folds(
    cases: Sequence[Case],
    split: Split,
    *,
    n_folds: int,
    seed: int,
    stratify_by: str | None = None,
    linked_cases: Sequence[Sequence[str]] = (),
) -> tuple[Split, ...]:
    """Divide the train and val cases of a split into folds by subject, each the validation part of one split.

    Every fold keeps its share of every class as closely as whole subjects allow, and folds differ by one subject at
    most. The test part is that of `split` in all of them.

    Args:
        cases: At least those of the split's train and val part.
        split: As the recipe draws it.
        n_folds: At least 2.
        seed: Of the shuffle.
        stratify_by: Name of a target; None takes each case's first.
        linked_cases: Groups of case ids that must stay together (duplicates).

    Raises:
        DataError: There are fewer subjects than folds.
    """
    fitted = {*split.train, *split.val}
    groups = subject_groups([case for case in cases if case.case_id in fitted], linked_cases)
    if len(groups) < n_folds:
        raise DataError(
            f"too few subjects for {n_folds} folds",
            got=f"{len(groups)} for training and validation",
            wanted=f"at least {n_folds}",
            fix="ask for fewer folds, add labelled cases, or lower data.split.test.",
        )
    validation = deal(groups, dict.fromkeys(range(n_folds), 1.0), seed=seed, stratify_by=stratify_by)
    return tuple(
        Split(train=tuple(sorted(fitted.difference(left_out))), val=left_out, test=split.test)
        for left_out in validation.values()
    )
