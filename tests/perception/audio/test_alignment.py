"""Word times: the same for the same words, whatever was aligned before or is being aligned at the same time."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from omnisense import open_clip
from omnisense.perception.speech.align import align_words
from tests.conftest import DEMO

SAID = "I am going to fly to space! I worked so hard for it, and I am so happy. I am a little nervous, too."


def times(samples, text):
    aligned = align_words(samples, text, "en", 0.0, with_phones=True)
    assert len(aligned.words) == len(text.split())
    assert "pocketsphinx" in aligned.source
    return [(word.start_s, word.end_s) for word in aligned.words], aligned.phones


@pytest.mark.shared
def test_what_was_aligned_before_shifts_no_word(grid):
    spoken = [(open_clip(path).audio(), text) for path, text in grid]
    first = [times(*one) for one in spoken]
    for samples, text in spoken[:3]:
        for one, expected in zip(spoken, first, strict=True):
            times(4 * samples, text)
            assert times(*one) == expected


def test_aligners_in_several_threads_do_not_disturb_each_other():
    spoken = open_clip(DEMO).audio()
    alone = times(spoken, SAID)
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(lambda _: times(spoken, SAID), range(4))) == [alone] * 4


@pytest.mark.parametrize("count", [0, 50])
def test_words_without_sound_get_no_time_instead_of_an_error(count):
    aligned = align_words(np.zeros(count, np.float32), "I lost my job", "en", 3.0, with_phones=True)
    assert [word.text for word in aligned.words] == ["I", "lost", "my", "job"]
    assert all(3.0 <= word.start_s <= word.end_s < 3.01 for word in aligned.words)
    assert any("a guess" in note for note in aligned.notes)


def test_a_long_row_of_digits_is_aligned_digit_by_digit():
    text = "It cost " + "7" * 40
    aligned = align_words(open_clip(DEMO).audio(), text, "en", 0.0)
    assert [word.text for word in aligned.words] == text.split()
