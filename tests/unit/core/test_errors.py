import pickle

import pytest

from medweave.core.errors import (
    DataError,
    DependencyError,
    MedweaveError,
    RecipeError,
    RunError,
    UsageError,
    did_you_mean,
)


def test_message_says_what_where_got_wanted_and_fix() -> None:
    error = DataError("spacing differs", where="case 7", got="1 mm", wanted="2 mm", fix="resample it.")
    assert str(error) == "spacing differs (case 7): got 1 mm; wanted 2 mm. Fix: resample it."
    assert (error.what, error.where, error.got, error.wanted, error.fix) == (
        "spacing differs",
        "case 7",
        "1 mm",
        "2 mm",
        "resample it.",
    )


@pytest.mark.parametrize(
    ("details", "message"),
    [
        ({}, "wrong"),
        ({"where": "a.nii"}, "wrong (a.nii)"),
        ({"got": 0}, "wrong: got 0"),
        ({"wanted": 3}, "wrong: wanted 3"),
        ({"fix": "retry."}, "wrong. Fix: retry."),
    ],
)
def test_message_leaves_out_what_is_not_given(details: dict[str, object], message: str) -> None:
    assert str(MedweaveError("wrong", **details)) == message


def test_message_goes_on_well_after_a_suggestion_and_after_a_full_stop() -> None:
    assert str(UsageError("no 'hart'. Did you mean 'heart'?", wanted="a name", fix="retry.")) == (
        "no 'hart'. Did you mean 'heart'? Wanted a name. Fix: retry."
    )
    assert str(UsageError("no 'xyz'.", wanted="a name")) == "no 'xyz': wanted a name"
    assert str(UsageError("no 'xyz'.", fix="retry.")) == "no 'xyz'. Fix: retry."


@pytest.mark.parametrize(("kind", "code"), [(DataError, 1), (RunError, 1), (DependencyError, 2), (UsageError, 2)])
def test_exit_code_tells_bad_data_from_bad_usage(kind: type[MedweaveError], code: int) -> None:
    assert kind("wrong").exit_code == code
    assert issubclass(kind, MedweaveError)


def test_recipe_error_lists_every_problem() -> None:
    error = RecipeError("a.yaml", ["data: missing", "optimizer.lr: negative"])
    assert str(error) == "recipe a.yaml has 2 problems:\n  data: missing\n  optimizer.lr: negative"
    assert error.problems == ["data: missing", "optimizer.lr: negative"]
    assert error.exit_code == 2


def test_recipe_error_counts_one_problem_in_the_singular() -> None:
    assert str(RecipeError("a.yaml", ["data: missing"])).startswith("recipe a.yaml has 1 problem:")


@pytest.mark.parametrize(
    "error", [DataError("wrong", where="a", fix="b."), RecipeError("a.yaml", ["data: missing"])], ids=["data", "recipe"]
)
def test_error_survives_the_way_back_from_a_worker_process(error: MedweaveError) -> None:
    copy = pickle.loads(pickle.dumps(error))  # noqa: S301 -- own data
    assert (type(copy), str(copy), vars(copy)) == (type(error), str(error), vars(error))


def test_suggestion_is_the_nearest_name_or_nothing() -> None:
    assert did_you_mean("densnet", ["densenet", "unet"]) == " Did you mean 'densenet'?"
    assert did_you_mean("xyz", ["densenet", "unet"]) == ""
