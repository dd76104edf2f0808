"""What a study is refused for before anything is trained."""

from collections.abc import Sequence
from pathlib import Path
from shlex import quote

import numpy as np

from medweave.building.training import class_shares
from medweave.core.counting import counted
from medweave.core.errors import DataError
from medweave.data.audit import Audit
from medweave.data.preparation import PreparedCase
from medweave.recipes.schema import Recipe


def refuse_broken_data(audit: Audit, data: Path) -> None:
    """Refuse data in which the audit found an error."""
    if audit.errors:
        first = audit.errors[0]
        others = f" (and {counted(len(audit.errors) - 1, 'more error')})" if len(audit.errors) > 1 else ""
        raise DataError(
            f"{first.message}{others}",
            where=first.where,
            fix=f"{first.fix.rstrip('.')}, or leave cases out (data.exclude);"
            f" `medweave inspect {quote(str(data))} --recipe RECIPE` shows all that is wrong.",
        )


def refuse_untrainable(recipe: Recipe, train: Sequence[PreparedCase]) -> None:
    """Refuse a training part in which an input, a structure or a class of the recipe is nowhere."""
    _refuse_absent_inputs(recipe, train)
    _refuse_absent_structures(recipe, train)
    _refuse_absent_classes(recipe, train)


def _refuse_absent_inputs(recipe: Recipe, train: Sequence[PreparedCase]) -> None:
    absent = set(recipe.data.inputs)
    for case in train:
        absent -= case.inputs().keys()
        if not absent:
            return
    for name, source in recipe.data.inputs.items():
        if name in absent:
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
        values = [str(value) for name in absent for value in settings.structures[name]]
        if absent:
            raise DataError(
                f"no training case holds {', '.join(absent)} of head {head!r}",
                wanted=f"label values {', '.join(values)}",
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


def refuse_unjudged(recipe: Recipe, val: Sequence[PreparedCase]) -> None:
    """Refuse a validation part that cannot give the value which chooses the best epoch."""
    monitor = recipe.training.early_stopping.monitor
    truths = {name for case in val for name in case.targets if name in recipe.network_classes}
    truths |= {name for case in val for name in recipe.data.segmentation_heads if f"labels.{name}" in case.arrays()}
    if is_auc := monitor.startswith("val/auc_"):
        truths &= {name for name, shares in class_shares(recipe, val).items() if any(0 < share < 1 for share in shares)}
    if truths.isdisjoint(recipe.monitored_values[monitor]):
        raise DataError(
            f"the validation part cannot give {monitor}",
            where=f"{len(val)} cases",
            wanted="two classes" if is_auc else "a case with the truth of its head",
            fix="add cases, draw another split (data.split.seed, data.split.val), or monitor another value "
            "(training.early_stopping.monitor).",
        )
