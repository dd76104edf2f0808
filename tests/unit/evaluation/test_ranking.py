import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from medweave.evaluation.ranking import Ranking, average_precision, ratio, roc_auc

REFERENCES = [(roc_auc, roc_auc_score), (average_precision, average_precision_score)]


@pytest.mark.parametrize(("ours", "theirs"), REFERENCES)
@pytest.mark.parametrize("decimals", [1, 8])
def test_areas_equal_scikit_learn_with_weights_and_ties(ours, theirs, decimals):
    rng = np.random.default_rng(0)
    positive = rng.random(60) < 0.3
    scores = np.round(rng.random(60) + 0.3 * positive, decimals)
    weights = rng.multinomial(60, np.full(60, 1 / 60), size=20).astype(float)
    expected = [theirs(positive, scores, sample_weight=row) for row in weights]
    assert ours(Ranking.of(weights, positive, scores)) == pytest.approx(expected)


def test_areas_by_hand():
    # Descending: +, -, +. Of the two pairs one is ranked right; precision is 1 at the first hit and 2/3 at the second.
    positive, scores = np.array([True, False, True]), np.array([0.9, 0.5, 0.1])
    one = np.ones((1, 3))
    assert roc_auc(Ranking.of(one, positive, scores)) == pytest.approx([1 / 2])
    assert average_precision(Ranking.of(one, positive, scores)) == pytest.approx([(1 + 2 / 3) / 2])


def test_equal_scores_tell_nothing_apart():
    positive = np.array([True, False, False, False])
    one = np.ones((1, 4))
    assert roc_auc(Ranking.of(one, positive, np.full(4, 0.5))) == pytest.approx([0.5])
    assert average_precision(Ranking.of(one, positive, np.full(4, 0.5))) == pytest.approx([0.25])


def test_an_absent_class_has_no_area():
    weights = np.array([[0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    positive, scores = np.array([True, False]), np.array([0.9, 0.1])
    assert np.isnan(roc_auc(Ranking.of(weights, positive, scores))).tolist() == [True, True, False]
    assert np.isnan(average_precision(Ranking.of(weights, positive, scores))).tolist() == [True, False, False]


def test_nothing_is_divided_by_zero():
    values = ratio(np.array([1.0, 1.0]), np.array([2.0, 0.0]))
    assert values[0] == 0.5
    assert np.isnan(values[1])
    assert ratio(np.array([1.0]), np.array([0.0]), otherwise=0.0).tolist() == [0.0]
