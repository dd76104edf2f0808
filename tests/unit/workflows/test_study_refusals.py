from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from medweave.building.check import complete_recipe
from medweave.core.errors import DataError
from medweave.data.audit import Audit
from medweave.data.finding import Finding
from medweave.recipes.loader import load_recipe
from medweave.workflows.study_refusals import refuse_broken_data, refuse_unjudged, refuse_untrainable


@dataclass
class _Case:
    """What the refusals look at in a prepared case of the study of several inputs and heads."""

    having: tuple[str, ...] = ("mri", "xray")
    structures: tuple[int, ...] | None = (1,)
    targets: dict[str, object] = field(default_factory=lambda: {"side": 0, "signs": (1.0, 0.0)})

    def inputs(self):
        return dict.fromkeys(self.having)

    def arrays(self):
        if self.structures is None:
            return {}
        rows = np.array([[value, 0, 0, 0] for value in self.structures], np.int32).reshape(-1, 4)
        return {"labels.lesion": np.zeros(1), "foreground.lesion": rows}


@pytest.fixture
def recipe(mixed_recipe):
    """The study of several inputs and heads."""
    return complete_recipe(load_recipe(mixed_recipe, []), mixed_recipe)


@pytest.fixture
def of_every_class():
    """Training cases that hold every class, structure and input between them."""
    return [_Case(targets={"side": 0, "signs": (1.0, 0.0)}), _Case(targets={"side": 1, "signs": (0.0, 1.0)})]


def test_the_first_error_of_the_audit_is_told_and_the_others_are_counted():
    broken = [
        Finding(
            severity="error",
            code="unreadable",
            case_ids=(f"c{number}",),
            path=Path(f"c{number}.nii"),
            message=f"image {number} is broken",
            fix="mend it.",
        )
        for number in range(3)
    ]
    with pytest.raises(
        DataError,
        match=r"image 0 is broken \(and 2 more errors\).*mend it, or .*`medweave inspect 'a b' --recipe RECIPE`",
    ):
        refuse_broken_data(Audit(tuple(broken), ()), Path("a b"))
    with pytest.raises(DataError, match=r"\(and 1 more error\).*data\.exclude"):
        refuse_broken_data(Audit(tuple(broken[:2]), ()), Path("data"))


def test_a_part_with_everything_in_some_case_is_accepted(recipe, of_every_class):
    mri, xray = of_every_class
    mri.having, xray.having, xray.structures = ("mri",), ("xray",), None
    refuse_untrainable(recipe, of_every_class)
    refuse_unjudged(recipe, of_every_class[:1])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"having": ("mri",)}, "no training case has the input 'xray'"),
        ({"structures": ()}, "no training case holds lesion of head 'lesion'"),
        ({"targets": {"side": 0}}, "no training case is of class right of head 'side'"),
    ],
)
def test_what_is_in_no_training_case_is_refused(recipe, of_every_class, changes, message):
    for case in of_every_class:
        for name, value in changes.items():
            setattr(case, name, value)
    with pytest.raises(DataError, match=message):
        refuse_untrainable(recipe, of_every_class)


def test_a_validation_part_without_any_truth_is_refused(recipe):
    with pytest.raises(DataError, match=r"the validation part cannot give val/score \(1 cases\)"):
        refuse_unjudged(recipe, [_Case(structures=None, targets={})])
