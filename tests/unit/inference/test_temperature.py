import json

import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from torch.nn import functional

from medweave.core.errors import RunError
from medweave.inference.temperature import TemperatureFit, fit_temperature, load_temperatures, save_temperatures


def _exclusive(n_cases, *, temperature, seed=0):
    """Logits whose true probabilities are softmax(logits / temperature), and truths drawn from these."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n_cases, 4))
    chances = softmax(logits / temperature, axis=1).cumsum(axis=1)
    drawn = (rng.random((n_cases, 1)) > chances).sum(axis=1)
    return logits, np.arange(4) == drawn[:, None]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_of_the_truths_is_found(temperature):
    fit = fit_temperature(*_exclusive(4000, temperature=temperature), multi_label=False)
    assert fit.temperature == pytest.approx(temperature, rel=0.06)
    assert fit.nll_after <= fit.nll_before
    assert fit.note == ""


@pytest.mark.parametrize("multi_label", [False, True])
def test_the_likelihood_has_no_slope_at_the_fitted_temperature(multi_label):
    logits, truth = _exclusive(120, temperature=2.0)
    if multi_label:
        truth = np.random.default_rng(0).random(logits.shape) < expit(logits / 2)
    fit = fit_temperature(logits, truth, multi_label=multi_label)
    temperature = torch.tensor(fit.temperature, dtype=torch.float64, requires_grad=True)
    scaled = torch.from_numpy(logits) / temperature
    if multi_label:
        loss = functional.binary_cross_entropy_with_logits(scaled, torch.from_numpy(truth.astype(float)))
    else:
        loss = functional.cross_entropy(scaled, torch.from_numpy(truth.argmax(axis=1)))
    loss.backward()
    assert temperature.grad.item() == pytest.approx(0, abs=1e-5)
    assert fit.nll_after == pytest.approx(loss.item())


def test_a_fit_to_flawless_cases_does_not_sharpen_the_answers():
    truth = np.eye(4, dtype=bool)[np.arange(40) % 4]
    fit = fit_temperature(truth * 2.0, truth, multi_label=False)
    assert fit.temperature == 1
    assert fit.note == "every validation case is answered right: the temperature is held at 1"
    assert fit.nll_after == fit.nll_before


def test_flawless_but_hesitant_labels_are_not_sharpened_either():
    truth = np.eye(3, dtype=bool)[np.arange(30) % 3]
    assert fit_temperature(np.where(truth, 0.3, -0.3), truth, multi_label=True).temperature == 1


def test_answers_without_any_merit_reach_the_highest_temperature():
    truth = np.eye(2, dtype=bool)[np.arange(40) % 2]
    fit = fit_temperature(np.where(truth, -5.0, 5.0), truth, multi_label=False)
    assert fit.temperature == 10
    assert fit.note.startswith("at the highest allowed, 10")


def test_nearly_flawless_hesitant_answers_reach_the_lowest_temperature():
    truth = np.eye(2, dtype=bool)[np.zeros(2000, dtype=int)]
    logits = np.where(truth, 0.01, -0.01)
    logits[0] *= -1
    fit = fit_temperature(logits, truth, multi_label=False)
    assert (fit.temperature, fit.note) == (0.1, "at the lowest allowed: the temperature is held at 0.1")


def test_a_few_cases_are_not_fitted():
    fit = fit_temperature(*_exclusive(9, temperature=3.0), multi_label=False)
    assert (fit.temperature, fit.note) == (1, "too few validation cases for a fit: 9, wanted 10")
    assert fit.nll_before == fit.nll_after


def test_temperatures_are_read_as_they_were_written(tmp_path):
    fits = {"grade": TemperatureFit(1.5, 20, 0.9, 0.7), "stage": TemperatureFit(1.0, 3, 0.5, 0.5, "too few")}
    save_temperatures(tmp_path / "calibration.json", fits)
    assert load_temperatures(tmp_path / "calibration.json") == {"grade": 1.5, "stage": 1.0}
    assert json.loads((tmp_path / "calibration.json").read_text())["stage"]["note"] == "too few"


def test_a_run_without_calibration_has_no_temperatures(tmp_path):
    assert load_temperatures(tmp_path / "calibration.json") == {}


@pytest.mark.parametrize("content", ["", "[1]", '{"grade": {"temperature": 1}}', '{"grade": 2}'])
def test_a_damaged_calibration_is_refused(tmp_path, content):
    (tmp_path / "calibration.json").write_text(content)
    with pytest.raises(RunError, match="the calibration cannot be read"):
        load_temperatures(tmp_path / "calibration.json")
