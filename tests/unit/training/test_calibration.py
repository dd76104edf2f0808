from types import SimpleNamespace

import numpy as np
import pytest

from medweave.inference.prediction import ClassificationHeadInfo
from medweave.inference.temperature import fit_temperature
from medweave.training.calibration import fit_temperatures


def _predictor():
    """Two heads of its own and one that answers by measurements; an input is its own logits."""
    own = ("grade", "findings")
    return SimpleNamespace(
        network_classes=own,
        classification_heads={
            "grade": ClassificationHeadInfo(("low", "high")),
            "findings": ClassificationHeadInfo(("x", "y"), multi_label=True),
            "grade_from_measurements": ClassificationHeadInfo(("low", "high")),
        },
        logits=lambda inputs: dict.fromkeys(own, inputs["logits"]),
    )


@pytest.fixture
def cases():
    rng = np.random.default_rng(0)
    logits = rng.normal(0, 4, (40, 2)).astype(np.float32)
    targets = [{"grade": number % 2} if number < 30 else {} for number in range(40)]
    return logits, [
        SimpleNamespace(inputs=lambda row=row: {"logits": row}, targets=target)
        for row, target in zip(logits, targets, strict=True)
    ]


def test_each_head_is_fitted_to_the_cases_with_its_truth(cases):
    logits, prepared = cases
    fits = fit_temperatures(_predictor(), prepared)
    truth = np.array([[number % 2 == 0, number % 2 == 1] for number in range(30)])
    assert fits == {"grade": fit_temperature(logits[:30].astype(np.float64), truth, multi_label=False)}
    assert fits["grade"].n_cases == 30


def test_labels_are_fitted_as_independent_answers(cases):
    logits, prepared = cases
    for case, row in zip(prepared, logits, strict=True):
        case.targets = {"findings": (float(row[0] > 1), 1.0)}
    truth = np.stack([logits[:, 0] > 1, np.ones(40, dtype=bool)], axis=1)
    expected = fit_temperature(logits.astype(np.float64), truth, multi_label=True)
    assert fit_temperatures(_predictor(), prepared) == {"findings": expected}


def test_a_model_without_classes_is_not_run():
    predictor = SimpleNamespace(network_classes=(), classification_heads={})
    assert fit_temperatures(predictor, [SimpleNamespace(targets={})]) == {}
