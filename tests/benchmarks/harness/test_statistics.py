"""Figures: intervals that cover what they should, a test that agrees with the exact one, calibration."""

import numpy as np
import pytest
from scipy.stats import binomtest, bootstrap

from omnisense.benchmarks.harness.statistics import (
    Accuracies,
    bin_scores,
    binomial_bounds,
    calibration_error,
    compare,
    holm,
)


def test_means_of_every_kind():
    found = Accuracies({"a": [1, 0, 1, 1], "b": [0, 0], "c": []})
    assert found.tasks == ["a", "b"]
    assert found.task("a")[:2] == (4, 0.75)
    assert found.macro(["a", "b"])[:2] == (2, 0.375)
    assert found.micro()[:2] == (6, 0.5)
    assert found.macro(["a", "c"]) == (0, None, None, None)  # a mean over fewer tasks would be another figure
    assert Accuracies({}).micro() == (0, None, None, None)


def test_intervals_agree_with_scipys():
    values = np.random.default_rng(3).integers(0, 2, 200).astype(float)
    ours = Accuracies({"a": values}).task("a")
    theirs = bootstrap((values,), np.mean, method="percentile", random_state=0).confidence_interval
    assert ours.low == pytest.approx(theirs.low, abs=0.01)
    assert ours.high == pytest.approx(theirs.high, abs=0.01)


def test_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(200):
        found = Accuracies({t: rng.random(80) < p for t, p in (("a", 0.3), ("b", 0.7))}, seed=trial).macro(["a", "b"])
        covered += found.low <= 0.5 <= found.high
    assert 0.88 <= covered / 200 <= 0.99


def test_the_permutation_test_agrees_with_the_exact_sign_test():
    ids = [str(i) for i in range(100)]
    first = dict.fromkeys(ids, 0.0)
    second = {i: float(int(i) < 30) for i in ids} | {str(i): 0.0 for i in range(90, 100)}
    first |= {str(i): 1.0 for i in range(90, 100)}
    result = compare(first, second)
    assert (result.better, result.worse) == (30, 10)
    assert result.difference.mean == pytest.approx(0.2)
    assert result.p_value == pytest.approx(binomtest(30, 40).pvalue, abs=0.003)


def test_only_shared_questions_are_compared():
    result = compare({"1": 1, "2": 0, "3": 1}, {"2": 0, "3": 1, "4": 0})
    assert (result.difference.n, result.difference.mean, result.p_value) == (2, 0.0, 1.0)
    assert compare({"1": 1}, {"2": 1}).difference.mean is None


def test_two_runs_of_one_system_seldom_differ():
    rng = np.random.default_rng(1)
    ids = [str(i) for i in range(120)]

    def a_run():
        return dict(zip(ids, (rng.random(120) < 0.5).astype(float).tolist(), strict=True))

    found = [compare(a_run(), a_run(), seed=n).p_value < 0.05 for n in range(60)]
    assert sum(found) <= 8


def test_clusters_widen_intervals():
    """Eight questions about each of thirty clips, all right or all wrong, are worth thirty."""
    rng = np.random.default_rng(0)
    by_clip = rng.integers(0, 2, 30)
    values = np.repeat(by_clip, 8).astype(float)
    clips = [str(i) for i in np.repeat(np.arange(30), 8)]
    alone = Accuracies({"a": values}).micro()
    clustered = Accuracies({"a": values}, {"a": clips}).micro()
    thirty = Accuracies({"a": by_clip}).micro()
    assert clustered.high - clustered.low > 2 * (alone.high - alone.low)
    assert clustered.high - clustered.low == pytest.approx(thirty.high - thirty.low, abs=0.03)
    assert Accuracies({"a": values}, {"a": clips}).clusters == 30


def test_clusters_across_tasks_are_drawn_together():
    values = {"a": [1, 0] * 20, "b": [1, 0] * 20}
    shared = {"a": [str(i) for i in range(40)], "b": [str(i) for i in range(40)]}
    together, apart = Accuracies(values, shared).micro(), Accuracies(values).micro()
    assert together.high - together.low > 1.2 * (apart.high - apart.low)


def test_clustered_intervals_cover_the_truth_about_as_often_as_they_say():
    rng = np.random.default_rng(0)
    covered = 0
    for trial in range(150):
        rates = rng.beta(2, 2, 60)
        values = (rng.random((60, 5)) < rates[:, None]).ravel()
        groups = {"a": [str(i) for i in np.repeat(np.arange(60), 5)]}
        found = Accuracies({"a": values}, groups, seed=trial).micro()
        covered += found.low <= 0.5 <= found.high
    assert 0.88 <= covered / 150 <= 0.99


def test_intervals_cover_the_truth_where_every_clip_has_other_tasks():
    """Few clips share the same set of tasks, so nothing may rest on how many do."""
    rng = np.random.default_rng(0)
    rates = rng.uniform(0.2, 0.8, 15)
    covered = {"micro": 0, "macro": 0}
    for trial in range(100):
        scores, clips = {}, {}
        for clip in range(60):
            ease = rng.normal(0, 0.15)
            for task in rng.choice(15, 5, replace=False):
                scores.setdefault(str(task), []).append(float(rng.random() < np.clip(rates[task] + ease, 0, 1)))
                clips.setdefault(str(task), []).append(str(clip))
        found = Accuracies(scores, clips, seed=trial)
        for name, estimate in (("micro", found.micro()), ("macro", found.macro(found.tasks))):
            covered[name] += estimate.low <= rates.mean() <= estimate.high
    assert all(0.88 <= n / 100 <= 0.99 for n in covered.values()), covered


def test_interval_and_test_always_agree():
    rng = np.random.default_rng(5)
    for trial in range(40):
        n = int(rng.integers(5, 40))
        first = {str(i): float(rng.random() < 0.5) for i in range(n)}
        second = {str(i): float(rng.random() < rng.choice([0.4, 0.6, 0.9])) for i in range(n)}
        groups = {str(i): str(i // int(rng.integers(1, 3))) for i in range(n)}
        found = compare(first, second, groups, seed=trial)
        d = found.difference
        assert d.low <= d.mean <= d.high
        assert (found.p_value < 0.05) == (not d.low <= 0 <= d.high), found


def test_clusters_make_a_paired_test_careful():
    """Twelve questions about each of six clips: a difference on all of one clip is no evidence."""
    first = {str(i): 0.0 for i in range(72)}
    second = {str(i): float(i < 12) for i in range(72)}
    clips = {str(i): str(i // 12) for i in range(72)}
    assert compare(first, second).p_value < 0.001
    assert compare(first, second, clips).p_value == 1.0


def test_the_detectable_difference_shrinks_with_size():
    rng = np.random.default_rng(2)
    sizes = [Accuracies({"a": rng.integers(0, 2, n)}).minimum_detectable_difference() for n in (100, 400)]
    assert sizes[0] == pytest.approx(2.8 * np.sqrt(2 * 0.25 / 100), rel=0.1)
    assert sizes[0] / sizes[1] == pytest.approx(2, rel=0.1)
    assert Accuracies({"a": [1]}).minimum_detectable_difference() is None
    assert Accuracies({"a": [1, 0]}).minimum_detectable_difference() is None  # none would be found with so few
    thirds = Accuracies({"a": [1 / 3] * 6})  # whose mean differs from draw to draw by rounding alone
    assert thirds.minimum_detectable_difference() is None


@pytest.mark.parametrize(("right", "n"), [(0, 12), (12, 12), (5, 12), (0, 1)])
def test_bounds_of_a_share_are_the_exact_ones(right, n):
    expected = binomtest(right, n).proportion_ci(0.95, "exact")
    assert binomial_bounds(right, n) == pytest.approx((expected.low, expected.high))


def test_p_values_are_adjusted_for_their_number():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx([0.03, 0.06, 0.06])
    assert holm([0.5, 0.9]) == pytest.approx([1.0, 1.0])
    assert holm([0.02]) == [0.02]
    assert holm([]) == []


def test_calibration():
    bins = bin_scores([0.55, 0.6, 0.95, 1.0], [1, 0, 1, 1], [0.5, 0.7, 0.9, 1.0])
    assert [(b.n, b.accuracy) for b in bins] == [(2, 0.5), (2, 1.0)]
    assert calibration_error(bins) == pytest.approx((abs(0.575 - 0.5) + abs(0.975 - 1)) / 2)
    assert calibration_error([]) == 0
