import numpy as np
import pytest
import torch
from scipy.special import expit, softmax
from sklearn.calibration import calibration_curve
from torchmetrics.functional.classification import binary_calibration_error, multiclass_calibration_error

from medweave.evaluation.calibration import expected_calibration_error, reliability, without_temperature


def _exclusive(n_cases, *, temperature, seed=0):
    """Logits whose true probabilities are softmax(logits / temperature), and truths drawn from these."""
    rng = np.random.default_rng(seed)
    logits = rng.normal(0, 3, (n_cases, 4))
    chances = softmax(logits / temperature, axis=1).cumsum(axis=1)
    drawn = (rng.random((n_cases, 1)) > chances).sum(axis=1)
    return logits, np.arange(4) == drawn[:, None]


def test_calibration_error_equals_torchmetrics():
    logits, truth = _exclusive(200, temperature=2.0)
    probabilities = softmax(logits, axis=1)
    ours = expected_calibration_error(np.ones((1, 200)), probabilities, truth, multi_label=False)
    theirs = multiclass_calibration_error(
        torch.from_numpy(probabilities), torch.from_numpy(truth.argmax(axis=1)), num_classes=4, n_bins=15
    )
    assert ours == pytest.approx([float(theirs)], abs=1e-6)


def test_weights_count_cases_several_times():
    logits, truth = _exclusive(50, temperature=2.0)
    probabilities = softmax(logits, axis=1)
    weights = np.random.default_rng(1).integers(0, 4, (3, 50))
    ours = expected_calibration_error(weights.astype(float), probabilities, truth, multi_label=False)
    copies = [np.repeat(np.arange(50), row) for row in weights]
    one_by_one = [
        expected_calibration_error(np.ones((1, len(rows))), probabilities[rows], truth[rows], multi_label=False)[0]
        for rows in copies
    ]
    assert ours == pytest.approx(one_by_one)


def test_multi_label_error_is_the_mean_of_the_labels_errors():
    rng = np.random.default_rng(0)
    probabilities = rng.random((80, 3))
    truth = rng.random((80, 3)) < probabilities**2
    ours = expected_calibration_error(np.ones((1, 80)), probabilities, truth, multi_label=True)
    errors = []
    for label in range(3):
        # torchmetrics takes the mean probability of a bin against the share of positives, as we do for each label.
        hits, sure = torch.from_numpy(truth[:, label].astype(int)), torch.from_numpy(probabilities[:, label].copy())
        errors.append(float(binary_calibration_error(sure, hits, n_bins=15)))
    assert ours == pytest.approx([np.mean(errors)], abs=1e-6)


def test_a_bin_holds_its_upper_edge_and_the_first_one_zero():
    found = reliability(np.array([[0.0], [1 / 15], [2 / 15], [1.0]]), np.ones((4, 1), dtype=bool), multi_label=True)
    assert found.counts.tolist() == [2, 1, *[0] * 11, 0, 1]


def test_reliability_equals_scikit_learns_curve():
    rng = np.random.default_rng(0)
    sure = rng.random((300, 1))
    truth = rng.random((300, 1)) < sure
    ours = reliability(sure, truth, multi_label=True)
    share, mean = calibration_curve(truth.ravel(), sure.ravel(), n_bins=15)
    assert ours.accuracy == pytest.approx(share)
    assert ours.confidence == pytest.approx(mean)
    assert ours.counts.sum() == 300


def test_an_empty_bin_has_no_accuracy():
    found = reliability(np.array([[0.9, 0.1]]), np.array([[True, False]]), multi_label=False)
    assert np.flatnonzero(~np.isnan(found.accuracy)).tolist() == [13]
    assert (found.accuracy[13], found.confidence[13]) == (1, 0.9)


@pytest.mark.parametrize(("multi_label", "to_probabilities"), [(False, lambda x: softmax(x, axis=1)), (True, expit)])
def test_a_temperature_can_be_taken_back(multi_label, to_probabilities):
    logits = np.random.default_rng(0).normal(0, 5, (20, 4))
    before = without_temperature(to_probabilities(logits / 2.5), 2.5, multi_label=multi_label)
    assert before == pytest.approx(to_probabilities(logits))


def test_certain_answers_stay_certain_without_their_temperature():
    certain = np.array([[1.0, 0.0]])
    for multi_label in (False, True):
        assert without_temperature(certain, 2.0, multi_label=multi_label).tolist() == [[1.0, 0.0]]
