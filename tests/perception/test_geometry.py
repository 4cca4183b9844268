"""Overlaps and matching against torchvision and scipy, on random boxes."""

import numpy as np
import pytest
import torch
from scipy.optimize import linear_sum_assignment
from torchvision.ops import box_iou

from omnisense.benchmarks.harness.scorer import score
from omnisense.perception.geometry import (
    area,
    best_iou,
    center,
    clip_xywh,
    count_matches,
    denormalize,
    distance_to_point,
    from_xywh,
    gap,
    iou,
    normalize,
    to_xywh,
)
from omnisense.reasoning.answers.question import Question


def some_boxes(rng, count):
    """Boxes that often meet: around a few places, some of them alike."""
    corners = rng.choice(rng.random((3, 2)), count) * 0.5 + rng.normal(0, 0.04, (count, 2))
    return np.concatenate([corners, corners + rng.uniform(0.25, 0.4, (count, 2))], axis=1).round(2)


@pytest.mark.networks
@pytest.mark.slow
def test_overlaps_and_matching_agree_with_torchvision_and_scipy():
    rng = np.random.default_rng(0)
    met = 0
    for _ in range(10_000):
        given, right = some_boxes(rng, rng.integers(1, 6)), some_boxes(rng, rng.integers(1, 6))
        found, theirs = iou(given, right), box_iou(torch.tensor(given), torch.tensor(right)).numpy()
        assert np.allclose(found, theirs, atol=1e-9)
        hits = theirs > 0.5
        rows, columns = linear_sum_assignment(hits, maximize=True)
        assert count_matches(given, right) == hits[rows, columns].sum()
        met += int(hits.any())
    assert 3_000 < met < 9_900  # the cases are neither all hits nor all misses


def test_nothing_meets_nothing():
    assert best_iou([], [[0, 0, 1, 1]]) == 0
    assert count_matches([], [[0, 0, 1, 1]]) == 0
    assert iou([[0, 0, 0, 0]], [[0, 0, 0, 0]])[0, 0] == 0


def test_matching_is_one_to_one():
    right = [[0.0, 0.0, 0.5, 0.5], [0.02, 0.0, 0.52, 0.5]]
    assert count_matches([[0.01, 0.0, 0.51, 0.5]], right) == 1
    assert count_matches([[0.01, 0.0, 0.51, 0.5]] * 2, right) == 2


def scored(reply, kind, gold):
    return score(reply, Question("Where?", kind, form="fractions"), gold)


def test_a_box_is_right_above_half():
    gold = "[[0.0, 0.0, 0.5, 0.5]]"
    assert scored("[0, 0, 0.5, 0.5]", "box", gold).value == 1
    assert scored("[0, 0, 0.5, 0.25]", "box", gold).value == 0  # exactly half is not more than half
    assert scored("[0, 0, 0.5, 0.26]", "box", gold).value == 1
    assert scored("[0.5, 0.5, 1, 1]", "box", gold).reason == "IoU 0.00"
    assert scored("none", "box", gold).reason == "unparseable: no box is named"


def test_of_several_boxes_all_must_be_found_and_none_left_over():
    gold = "[[0.0, 0.0, 0.4, 0.4], [0.5, 0.5, 1.0, 1.0]]"
    assert scored("[[0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1]]", "boxes", gold).value == 1
    assert scored("[[0.5, 0.5, 1, 1], [0, 0, 0.4, 0.4]]", "boxes", gold).value == 1
    assert scored("[[0, 0, 0.4, 0.4]]", "boxes", gold).reason == "1 of 2 found by 1 boxes"
    assert scored("[[0, 0, 0.4, 0.4], [0.5, 0.5, 1, 1], [0.6, 0, 0.9, 0.3]]", "boxes", gold).value == 0


def test_distances_between_boxes_and_points():
    assert gap((0, 0, 2, 2), (5, 6, 7, 8)) == 5
    assert gap((0, 0, 2, 2), (1, 1, 3, 3)) == gap((0, 0, 2, 2), (2, 0, 3, 1)) == 0
    assert distance_to_point((0, 0, 2, 2), (1, 1)) == 0
    assert distance_to_point((0, 0, 2, 2), (5, 6)) == 5


def test_boxes_are_converted_and_clipped():
    assert from_xywh((1, 2, 3, 4)) == (1, 2, 4, 6)
    assert to_xywh((1, 2, 4, 6)) == (1, 2, 3, 4)
    assert normalize((10, 20, 30, 40), 100, 200) == (0.1, 0.1, 0.3, 0.2)
    assert denormalize((0.1, 0.1, 0.3, 0.2), 100, 200) == (10, 20, 30, 40)
    assert area((1, 2, 4, 6)) == 12
    assert center((1, 2, 4, 6)) == (2.5, 4)
    assert clip_xywh((-5, 0, 10, 10), 100, 100) == (0, 0, 5, 10)
    assert clip_xywh((99, 0, 10, 10), 100, 100, min_side=2) is None
    for bad in ((1, 2, 3), (1, 2, None, 4), (float("nan"), 0, 1, 1)):
        assert clip_xywh(bad, 100, 100) is None
