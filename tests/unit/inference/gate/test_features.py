import json

import numpy as np
import pytest
from scipy.spatial.distance import mahalanobis
from sklearn.decomposition import PCA

from medweave.inference.gate.features import MAX_AXES, FeatureSpace, fit_feature_space

RNG = np.random.default_rng(0)
#: 80 cases of 12 features that vary along 4 directions, and a little everywhere.
MIXING = RNG.normal(size=(4, 12)) * 3


def _cases(count, seed):
    rng = np.random.default_rng(seed)
    return list(rng.normal(size=(count, 4)) @ MIXING + rng.normal(scale=0.2, size=(count, 12)) + 5)


def test_the_distance_is_mahalanobis_with_the_covariance_of_scikit_learn_s_pca():
    cases = np.stack(_cases(20, 1))
    space = fit_feature_space(list(cases), _cases(20, 2))
    reference = PCA(n_components=10, svd_solver="full").fit(cases)
    case = _cases(1, 3)[0]
    expected = mahalanobis(case, cases.mean(axis=0), np.linalg.inv(reference.get_covariance())) / np.sqrt(12)
    assert space.distance(case) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(("n_held_out", "rank"), [(12, 12), (19, 19), (39, 38), (99, 95)])
def test_the_threshold_is_the_conformal_quantile_of_held_out_distances(n_held_out, rank):
    held_out = _cases(n_held_out, 2)
    space = fit_feature_space(_cases(60, 1), held_out)
    assert space.threshold == sorted(space.distance(case) for case in held_out)[rank - 1]


def test_new_cases_are_near_and_others_far():
    space = fit_feature_space(_cases(60, 1), _cases(200, 2))
    assert np.mean([space.doubt(case) <= 1 for case in _cases(500, 3)]) == pytest.approx(0.95, abs=0.03)
    assert space.doubt(_cases(1, 4)[0] + np.eye(12)[0] * 10) > 1
    assert space.doubt(np.zeros(12)) > 1


def test_with_few_held_out_cases_left_out_training_cases_set_the_threshold_too():
    space = fit_feature_space(_cases(12, 1), [])
    assert np.mean([space.doubt(case) <= 1 for case in _cases(100, 3)]) > 0.9


def test_with_too_few_cases_there_is_no_distribution():
    assert fit_feature_space(_cases(4, 1), _cases(10, 2)) is None


def test_features_that_never_vary_do_not_break_the_fit():
    cases = [np.append(case, 3.0) for case in _cases(20, 1)]
    space = fit_feature_space(cases, cases)
    assert np.isfinite(space.threshold)
    assert fit_feature_space([np.ones(3)] * 6, [np.ones(3)]).distance(np.ones(3)) == 0


def test_many_features_keep_few_axes():
    space = fit_feature_space(list(RNG.normal(size=(100, 300))), [])
    assert space.axes.shape == (MAX_AXES, 300)


def test_json_gives_back_the_distances_to_six_digits():
    space = fit_feature_space(_cases(20, 1), _cases(20, 2))
    again = FeatureSpace.from_json(json.loads(json.dumps(space.to_json())))
    case = _cases(1, 9)[0]
    assert again.distance(case) == pytest.approx(space.distance(case), rel=1e-5)
    assert again.threshold == space.threshold
