"""The rule that ends turns, and backchannels: without models."""

from __future__ import annotations

import pytest

from omnisense.agent.live.backchannels import is_backchannel
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.turn_taking import Completeness, Patience, TurnEvidence, completeness, required_silence_s
from omnisense.agent.live.turn_words import word_evidence
from omnisense.errors import InputError


@pytest.mark.parametrize(
    "words", ["I stayed at home because", "So, um,", "I think, you know", "And then I went to the.", "When I saw him."]
)
def test_words_that_go_on_outweigh_a_voice_that_sounds_finished(words: str) -> None:
    assert completeness(TurnEvidence(0.8, words)).probability < 0.4


def test_a_question_is_complete_even_where_the_voice_is_unclear() -> None:
    assert completeness(TurnEvidence(0.45, "What time is it?")).probability > 0.75


def test_who_looks_up_yields_the_turn_and_who_looks_away_keeps_it() -> None:
    up, away, unknown = (completeness(TurnEvidence(0.5, "I went home", look)).probability for look in (0.9, 0.1, None))
    assert away < unknown < up


def test_silence_needed_falls_from_the_longest_to_the_shortest() -> None:
    silences = [required_silence_s(Completeness(p, "", goes_on=True), 0.5, 3.0) for p in (0.0, 0.2, 0.4, 0.9)]
    assert silences[0] == 3.0
    assert silences[-1] == 0.5
    assert silences == sorted(silences, reverse=True)


def test_the_longest_silence_is_for_turns_that_neither_sound_nor_read_complete() -> None:
    evidence = [TurnEvidence(0.02, "I went to the"), TurnEvidence(0.95, "I heard a"), TurnEvidence(0.02, "I am here.")]
    assert [required_silence_s(completeness(e), 0.5, 3.0) for e in evidence] == [3.0, 1.75, 1.75]


@pytest.mark.parametrize(
    "words",
    [
        "When I was a child, we always went to the sea.",
        "If I had known that before I would have stayed at home.",
        "It is the money that we talked about.",
        "I am from Chicago also.",
        "And so I left.",
        "And then she called me.",
    ],
)
def test_sentences_that_end_are_complete(words: str) -> None:
    assert completeness(TurnEvidence(0.8, words)).probability >= 0.3


@pytest.mark.parametrize(
    "words",
    ["And so, my fellow Americans.", "Maybe I should just.", "I also", "My boss told me that I should look for"],
)
def test_fragments_are_not(words: str) -> None:
    assert completeness(TurnEvidence(0.92, words)).probability < 0.3


def test_a_few_words_without_a_verb_are_an_answer_only_where_something_was_asked() -> None:
    alone, answer = (completeness(TurnEvidence(0.97, "My brother.", was_asked=asked)) for asked in (False, True))
    assert alone.probability < 0.3
    assert answer.probability > 0.9
    assert completeness(TurnEvidence(0.97, "Thank you.")).probability > 0.9


def test_who_goes_on_after_a_seeming_end_is_given_more_time_for_a_while() -> None:
    patience = Patience()
    patience.went_on(Completeness(0.2, ""), 0.9, 1.75)
    assert patience.seconds == 0.0
    patience.went_on(Completeness(0.9, ""), 0.9, 1.75)
    assert patience.seconds == pytest.approx(1.1)
    patience.turn_is_over()
    assert patience.seconds == pytest.approx(0.55)


def test_words_that_may_end_a_sentence_count_less_than_those_that_cannot() -> None:
    assert word_evidence("I think so")[0] > word_evidence("I left because")[0]


@pytest.mark.parametrize(
    "words", ["Mm-hmm.", "Yeah.", "Yeah, yeah.", "Oh, I see.", "Uh-huh", "Right.", "[laughter]", "Haha!"]
)
def test_signs_of_listening_are_backchannels(words: str) -> None:
    assert is_backchannel(words)


@pytest.mark.parametrize(
    "words", ["Yeah, but I did not mean that", "No, wait.", "What?", "Can we talk about my sister?"]
)
def test_words_that_take_the_turn_are_none(words: str) -> None:
    assert not is_backchannel(words)


@pytest.mark.parametrize(
    "values", [{"pause_s": 0.0}, {"min_endpointing_s": 4.0}, {"turn_detection": "sometimes"}, {"output_lead_s": -1.0}]
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, float]) -> None:
    with pytest.raises(InputError):
        LiveSettings(**values)  # type: ignore[arg-type]
