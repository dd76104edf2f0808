from typing import Literal

import pytest
from pydantic import BaseModel, ValidationError

from medweave.recipes.problems import is_of_another_branch, is_union_branch


class Model(BaseModel):
    size: tuple[int, ...] | dict[str, tuple[int, ...]] | Literal["auto"]


@pytest.mark.parametrize(
    ("value", "location"),
    [
        ("large", ["size"]),
        ([1, "b"], ["size", "1"]),
        ({"mri": [1, "b"]}, ["size", "mri", "1"]),
        (3, ["size"]),
    ],
)
def test_a_value_is_told_the_problem_of_the_member_that_it_was_meant_for(value, location) -> None:
    with pytest.raises(ValidationError) as caught:
        Model(size=value)
    (problem,) = [problem for problem in caught.value.errors() if not is_of_another_branch(problem)]
    assert [str(part) for part in problem["loc"] if not is_union_branch(str(part))] == location


def test_a_problem_outside_a_union_is_everyone_s() -> None:
    with pytest.raises(ValidationError) as caught:
        Model()
    assert not is_of_another_branch(caught.value.errors()[0])
