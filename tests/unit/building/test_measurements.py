import pytest

from medweave.building.check import complete_recipe
from medweave.building.measurements import build_measurements, measurement_problems
from medweave.core.errors import RecipeError
from medweave.measurements.cardiac import CardiacMeasurements
from medweave.recipes.loader import load_recipe


def _cardiac(*overrides):
    return load_recipe("cardiac", ["measurements=cardiac", *overrides])


def test_measurements_are_built_with_the_parameters_of_the_recipe():
    built = build_measurements(_cardiac("measurements={name: cardiac, ed: heart_es, es: heart_ed}"))
    assert isinstance(built, CardiacMeasurements)
    assert (built.ed, built.es) == ("heart_es", "heart_ed")


def test_a_recipe_without_measurements_builds_none():
    recipe = load_recipe("heart")
    assert build_measurements(recipe) is None
    assert measurement_problems(recipe) == []


def test_the_recommended_heads_are_fit_for_the_cardiac_measurements():
    assert measurement_problems(_cardiac()) == []


def test_heads_that_cannot_be_measured_are_problems_of_the_recipe():
    recipe = _cardiac("measurements={name: cardiac, ed: heart, es: heart_es}", "data.heads.heart_es.structures={lv: 3}")
    with pytest.raises(RecipeError) as caught:
        complete_recipe(recipe, "mine")
    assert caught.value.problems == [
        "measurements.ed: no segmentation head is called 'heart'; one of heart_ed, heart_es",
        "measurements.es: head 'heart_es' has no structure rv, myocardium",
    ]


@pytest.mark.parametrize(
    ("override", "problem"),
    [
        ("measurements=cardiak", r"measurements.name: unknown set of measurements 'cardiak'. Did you mean 'cardiac'\?"),
        ("measurements={name: cardiac, de: x}", r"measurements.de: unknown parameter .*It takes ed, es"),
        (
            "measurement_classifiers.diagnosis=randomforest",
            r"measurement_classifiers.diagnosis.name: unknown classifier .*Did you mean 'random_forest'\?",
        ),
        ("measurement_classifiers.diagnosis={name: random_forest, trees: 0}", r"trees: input should be greater than 0"),
        ("measurement_classifiers.diagnosis={name: best_of, candidates: [svm]}", r"candidates\.0: input should be"),
    ],
)
def test_wrong_components_are_problems_of_the_recipe(override, problem):
    with pytest.raises(RecipeError, match=problem):
        complete_recipe(_cardiac(override), "mine")


def test_a_completed_recipe_has_every_default():
    complete = complete_recipe(_cardiac("measurement_classifiers.diagnosis=best_of"), "mine")
    assert complete.measurements.parameters == {"ed": "heart_ed", "es": "heart_es"}
    candidates = complete.measurement_classifiers["diagnosis"].parameters["candidates"]
    assert candidates == ["logistic_regression", "linear_discriminant", "extra_trees"]
