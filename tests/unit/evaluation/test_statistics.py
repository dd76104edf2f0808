import numpy as np
import pytest
from scipy import stats

from medweave.evaluation.statistics import (
    cluster_bootstrap,
    cluster_bootstrap_mean,
    expanded_tail,
    holm,
    independent_units,
    paired_difference,
)


def test_interval_equals_scipy_when_every_case_is_a_subject():
    values = np.random.default_rng(3).normal(0.85, 0.1, 25)
    ours = cluster_bootstrap_mean(values, [str(case) for case in range(25)], n_resamples=20_000)
    level = 1 - 2 * expanded_tail(25, confidence=0.95)
    theirs = stats.bootstrap(
        (values,), np.mean, confidence_level=level, n_resamples=20_000, method="percentile", rng=1
    ).confidence_interval
    assert ours.mean == pytest.approx(values.mean())
    assert ours.low == pytest.approx(theirs.low, abs=0.002)
    assert ours.high == pytest.approx(theirs.high, abs=0.002)


def test_expanded_tail_is_students_quantile_on_the_bootstrap_scale():
    # Hesterberg 2015, section 5.3: a normal quantile times sqrt((n - 1) / n) must give Student's.
    for n in (5, 10, 40):
        assert stats.norm.ppf(expanded_tail(n, confidence=0.95)) * np.sqrt((n - 1) / n) == pytest.approx(
            stats.t.ppf(0.025, n - 1)
        )
    assert expanded_tail(100_000, confidence=0.95) == pytest.approx(0.025, rel=1e-3)


@pytest.mark.parametrize("sizes", [(5, 35), (4, 4), (20, 3)])
def test_the_units_of_two_groups_are_one_more_than_welchs_degrees_of_freedom(sizes):
    samples = [np.arange(size) / np.std(np.arange(size), ddof=1) for size in sizes]
    welch = stats.ttest_ind(*samples, equal_var=False).df
    assert independent_units(sizes) == pytest.approx(1 + welch)


def test_one_group_is_worth_its_subjects_and_a_lone_subject_nothing():
    assert independent_units([12]) == pytest.approx(12)
    assert independent_units([12, 1]) == 1


def test_groups_that_share_their_subjects_are_worth_no_more_than_these():
    values, subjects = np.random.default_rng(0).normal(size=12), [str(number // 2) for number in range(12)]

    def mean(weights):
        return {"mean": weights @ values / weights.sum(axis=1)}

    assert independent_units([6, 6]) == pytest.approx(11)
    assert cluster_bootstrap(mean, subjects, groups={"mean": [6, 6]}) == cluster_bootstrap(mean, subjects)


def _area_of_clear_ranks(positive, weights, scores):
    above = (scores[positive][:, None] > scores[~positive]).astype(float)
    won = np.einsum("wp,pn,wn->w", weights[:, positive], above, weights[:, ~positive])
    pairs = weights[:, positive].sum(axis=1) * weights[:, ~positive].sum(axis=1)
    return np.divide(won, pairs, out=np.full(len(weights), np.nan), where=pairs > 0)


def test_an_area_with_few_positive_subjects_is_covered_when_its_groups_are_told():
    rng = np.random.default_rng(0)
    positive, subjects = np.arange(40) < 5, [str(number) for number in range(40)]
    covered = {"told": 0, "untold": 0}
    for trial in range(300):
        scores = rng.normal(0, 1, 40) + np.sqrt(2) * stats.norm.ppf(0.8) * positive  # a true area of 0.8
        for name, groups in (("told", {"area": [5, 35]}), ("untold", None)):
            found = cluster_bootstrap(
                lambda weights, scores=scores: {"area": _area_of_clear_ranks(positive, weights, scores)},
                subjects,
                n_resamples=400,
                seed=trial,
                groups=groups,
            )["area"]
            covered[name] += found.low <= 0.8 <= found.high
    assert 0.92 <= covered["told"] / 300 <= 0.98
    assert covered["untold"] / 300 < 0.92


def test_copies_of_a_case_do_not_narrow_the_interval():
    values, subjects = np.array([0.7, 0.8, 0.9, 0.6]), ["a", "b", "c", "d"]
    once = cluster_bootstrap_mean(values, subjects)
    copied = cluster_bootstrap_mean(np.repeat(values, 10), np.repeat(subjects, 10).tolist())
    assert (copied.low, copied.high) == pytest.approx((once.low, once.high))
    assert (once.n, copied.n) == (4, 40)


def test_the_mean_is_over_cases_and_not_over_subjects():
    assert cluster_bootstrap_mean([1.0, 1.0, 1.0, 0.0], ["a", "a", "a", "b"]).mean == 0.75


def test_one_subject_has_no_interval():
    interval = cluster_bootstrap_mean([0.5, 0.7], ["a", "a"])
    assert (interval.mean, interval.ci95, interval.n) == (0.6, [None, None], 2)


def test_the_same_seed_gives_the_same_interval():
    values, subjects = [0.1, 0.5, 0.9], ["a", "b", "c"]
    assert cluster_bootstrap_mean(values, subjects, seed=4) == cluster_bootstrap_mean(values, subjects, seed=4)


@pytest.mark.parametrize("n_subjects", [8, 30])
def test_the_interval_covers_the_true_mean_of_clustered_data_about_95_times_in_100(n_subjects):
    rng = np.random.default_rng(0)
    subjects = np.repeat([str(subject) for subject in range(n_subjects)], 4)
    covered = 0
    for trial in range(400):
        values = np.repeat(rng.normal(0, 1, n_subjects), 4) + rng.normal(0, 0.5, len(subjects))
        interval = cluster_bootstrap_mean(values, subjects.tolist(), n_resamples=500, seed=trial)
        covered += interval.low <= 0 <= interval.high
    assert 0.91 <= covered / 400 <= 0.98


def test_paired_difference_is_second_minus_first():
    first, second = np.array([0.5, 0.6, 0.7, 0.8, 0.6, 0.9]), np.array([0.6, 0.8, 0.75, 0.85, 0.9, 0.91])
    result = paired_difference(first, second, subjects=list("abcdef"))
    assert result.difference.mean == pytest.approx(np.mean(second - first))
    assert result.difference.low > 0
    assert result.p_value == pytest.approx(2 / 2**6)  # six of six improve: the smallest exact p


def test_paired_test_counts_a_subject_once():
    once = paired_difference([0.0] * 5, [0.1, 0.2, 0.3, 0.4, -0.05], subjects=list("abcde"))
    copied = paired_difference([0.0] * 10, [0.1, 0.2, 0.3, 0.4, -0.05] * 2, subjects=list("abcde") * 2)
    assert copied.p_value == pytest.approx(once.p_value)


def test_methods_that_never_differ_have_p_one():
    result = paired_difference([0.5, 0.7], [0.5, 0.7], subjects=["a", "b"])
    assert (result.p_value, result.difference.mean, result.difference.ci95) == (1.0, 0.0, [None, None])


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.6, 0.9]) == [1.0, 1.0]


def test_a_bootstrap_of_any_statistic_weighs_cases_by_the_draws_of_their_subjects():
    values, subjects = np.array([0.1, 0.5, 0.9, 0.3, 0.6]), list("aabbc")
    seen = []

    def statistics(weights):
        seen.append(weights)
        return {"sum": weights @ values}

    found = cluster_bootstrap(statistics, subjects, n_resamples=300)
    estimate, *chunks = seen
    drawn = np.concatenate(chunks)
    assert estimate.tolist() == [[1] * 5]
    assert drawn.shape == (300, 5)
    assert (drawn[:, 0] == drawn[:, 1]).all()
    assert (drawn[:, [0, 2, 4]].sum(axis=1) == 3).all()
    low, high = np.quantile(drawn @ values, [expanded_tail(3, confidence=0.95), 1 - expanded_tail(3, confidence=0.95)])
    assert (found["sum"].mean, found["sum"].low, found["sum"].high) == pytest.approx((2.4, low, high))


def test_a_deviation_has_the_interval_that_scipy_gives_it():
    values = np.random.default_rng(3).normal(0, 1, 41)

    def deviations(weights):
        means = weights @ values / 41
        return {"deviation": np.sqrt(weights @ values**2 / 41 - means**2)}

    ours = cluster_bootstrap(deviations, [str(case) for case in range(41)], n_resamples=5000)["deviation"]
    theirs = stats.bootstrap(
        (values,),
        np.std,
        confidence_level=1 - 2 * expanded_tail(41, confidence=0.95),
        n_resamples=5000,
        method="percentile",
        rng=1,
    ).confidence_interval
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), abs=0.02)


def test_draws_do_not_depend_on_how_many_are_held_at_a_time(monkeypatch):
    values, subjects = [0.1, 0.5, 0.9], ["a", "b", "c"]
    at_once = cluster_bootstrap_mean(values, subjects)
    monkeypatch.setattr("medweave.evaluation.statistics.MAX_CHUNK", 100)
    assert cluster_bootstrap_mean(values, subjects) == at_once


def test_resamples_in_which_a_statistic_is_undefined_are_left_out_and_counted():
    found = cluster_bootstrap(
        lambda weights: {"of b": np.where(weights[:, 1] > 0, weights[:, 0], np.nan), "never": weights[:, 0] * np.nan},
        list("abc"),
        n_resamples=1000,
    )
    # a subject of three is not drawn in (2/3)³ of the resamples
    assert found["of b"].undefined_resamples / 1000 == pytest.approx((2 / 3) ** 3, abs=0.05)
    assert found["of b"].low == 0
    assert found["never"].ci95 == [None, None]
    assert np.isnan(found["never"].mean)


def test_a_statistic_that_is_rarely_defined_has_no_interval():
    found = cluster_bootstrap(
        lambda weights: {"all once": np.where((weights == 1).all(axis=1), 0.5, np.nan)}, list("abcdef")
    )
    # 6! / 6⁶ of the resamples
    assert found["all once"].mean == 0.5
    assert found["all once"].ci95 == [None, None]
    assert found["all once"].undefined_resamples / 2000 == pytest.approx(1 - 720 / 6**6, abs=0.01)
