import numpy as np
import pytest

from omnisense import InputError
from omnisense.perception.media.sampling import Sampling


def plan(sampling, duration_s=10.0, rate=25.0, frames=250, width=640, height=360):
    return sampling.plan(duration_s, rate, frames, width, height)


def test_rate_looks_from_zero_on():
    assert plan(Sampling(fps=2)).times_s.tolist() == [i / 2 for i in range(20)]


def test_count_takes_the_middle_of_each_share():
    assert plan(Sampling(rule="count", count=4)).times_s.tolist() == [1.25, 3.75, 6.25, 8.75]


@pytest.mark.parametrize(
    ("frames", "fps", "expected"),
    [
        (200, 25.0, 8),  # 8 s at one frame a second
        (450, 25.0, 9),  # 300 < n < 600: every two seconds
        (900, 30.0, 6),  # n >= 600: every five seconds
        (3600, 29.97, 24),  # (3600 / 29) * 0.2 = 24.8, over 24: 24 / (3600 / 29) a second
        (30_000, 25.0, 24),
    ],
)
def test_humansense_rule(frames, fps, expected):
    times = plan(Sampling.humansense(), duration_s=frames / fps, rate=fps, frames=frames).times_s
    assert len(times) in (expected, expected + (frames == 3600))


def test_humansense_caps_pixels_as_the_paper_does():
    _, width, height = plan(Sampling.humansense(), width=1920, height=1080)
    assert width * height <= 360 * 420
    assert width / height == pytest.approx(16 / 9, rel=0.02)


def test_caps():
    assert len(plan(Sampling(fps=10, max_frames=7)).times_s) == 7
    many = plan(Sampling(fps=10, max_pixels=None, max_total_pixels=1_000_000))
    assert len(many.times_s) * many.width * many.height <= 1_000_000
    assert plan(Sampling(), width=64, height=48)[1:] == (64, 48)  # never scaled up
    assert plan(Sampling(), width=1, height=1)[1:] == (1, 1)


def test_no_duration_gives_one_frame():
    assert plan(Sampling(), duration_s=0.0).times_s.tolist() == [0.0]


@pytest.mark.parametrize("settings", [{"fps": 0}, {"fps": -1}, {"fps": np.nan}, {"count": 0}, {"max_pixels": 0}])
def test_impossible_settings_are_refused(settings):
    with pytest.raises(InputError):
        Sampling(**settings)


@pytest.mark.parametrize("times_s", [(), (-1.0,), (2.0, 1.0), (1.0, 1.0), (np.nan,)])
def test_impossible_times_are_refused(times_s):
    with pytest.raises(InputError):
        Sampling(rule="times", times_s=times_s)


def test_times_are_taken_as_they_are():
    assert plan(Sampling(rule="times", times_s=(0.5, 3.0, 9.9)), duration_s=5.0).times_s.tolist() == [0.5, 3.0, 5.0]
    with pytest.raises(InputError, match="rule 'rate' with 1 times"):
        Sampling(times_s=(1.0,))
