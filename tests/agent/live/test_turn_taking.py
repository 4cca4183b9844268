"""The rule that ends turns, and backchannels; and the language model that says where sentences end."""

from __future__ import annotations

import pytest

from omnisense.agent.live.backchannels import is_backchannel
from omnisense.agent.live.sentence_end import load_sentence_end
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.turn_taking import Completeness, Patience, TurnEvidence, completeness, required_silence_s
from omnisense.agent.live.turn_words import word_evidence
from omnisense.errors import InputError


def silence_s(evidence: TurnEvidence) -> float:
    return required_silence_s(completeness(evidence), 0.5, 3.0)


def test_words_that_cannot_end_a_sentence_outweigh_a_voice_that_sounds_finished() -> None:
    assert silence_s(TurnEvidence(0.97, "I stayed at home because", sentence_ends=-4.0)) == 3.0
    assert silence_s(TurnEvidence(0.97, "I stayed at home.", sentence_ends=4.0)) < 0.6
    assert silence_s(TurnEvidence(0.05, "I stayed at home.", sentence_ends=4.0)) < 1.5


@pytest.mark.parametrize("words", ["So, um,", "I think I will, uh", "Er, erm."])
def test_a_filler_at_the_end_asks_for_the_longest_silence(words: str) -> None:
    assert silence_s(TurnEvidence(0.97, words, sentence_ends=3.0)) == 3.0


@pytest.mark.parametrize("words", ["He left, you know", "And then she said, well,", "I went...", "I went home,"])
def test_what_trails_off_asks_for_more_silence(words: str) -> None:
    whole = silence_s(TurnEvidence(0.9, "He left.", sentence_ends=2.5))
    assert silence_s(TurnEvidence(0.9, words, sentence_ends=2.5)) > whole + 0.8


def test_well_ends_a_sentence_but_after_a_comma() -> None:
    assert word_evidence("I feel well.", 2.0)[0] == 2.0
    assert word_evidence("I feel, well,", 2.0)[0] == -1.0


def test_a_question_is_complete_even_where_the_voice_is_unclear() -> None:
    question, statement = (silence_s(TurnEvidence(0.45, words, 2.5)) for words in ("Is it late?", "It is late."))
    assert question < statement


def test_where_no_language_model_knows_the_words_the_voice_decides() -> None:
    assert silence_s(TurnEvidence(0.97, "Ich gehe jetzt nach Hause.")) < 0.8
    assert silence_s(TurnEvidence(0.1, "Ich gehe jetzt nach")) == 3.0


def test_who_looks_up_yields_the_turn_and_who_looks_away_keeps_it() -> None:
    away, unknown, up = (silence_s(TurnEvidence(0.5, "I went home", 2.0, look)) for look in (0.1, None, 0.9))
    assert up < unknown < away


def test_silence_needed_falls_from_the_longest_to_the_shortest() -> None:
    silences = [required_silence_s(Completeness(odds, ""), 0.5, 3.0) for odds in (-1.0, 0.0, 1.0, 3.0, 5.0, 9.0)]
    assert silences[0] == silences[1] == 3.0
    assert silences[-1] == silences[-2] == 0.5
    assert silences == sorted(silences, reverse=True)


def test_a_few_words_without_a_verb_are_an_answer_only_where_something_was_asked() -> None:
    alone, answer = (silence_s(TurnEvidence(0.97, "My brother.", 2.5, was_asked=asked)) for asked in (False, True))
    assert answer < 1.0 < alone
    assert silence_s(TurnEvidence(0.97, "Thank you.", 2.5)) < 1.0


@pytest.mark.parametrize(
    ("words", "longer"), [("When I saw him", "When I saw him I ran away"), ("And so my friends", "And so I left")]
)
def test_what_another_clause_must_follow_is_no_turn_by_itself(words: str, longer: str) -> None:
    assert word_evidence(words, 2.0)[0] < word_evidence(longer, 2.0)[0]


@pytest.mark.models
@pytest.mark.slow
def test_the_language_model_knows_where_a_sentence_can_end() -> None:
    model = load_sentence_end()
    for begun in ("I could not come because", "He gave me", "The people at", "What would happen if", "My father, who"):
        assert model.log_odds(begun) < 0.0
    for whole in ("He gave me a book.", "Nobody came to my birthday party.", "They went home <|im_end|> late."):
        assert model.log_odds(whole) > 0.5


def test_who_goes_on_after_a_seeming_end_is_given_more_time_for_a_while() -> None:
    patience = Patience()
    patience.went_on(Completeness(0.0, ""), 0.9, 1.75)
    assert patience.seconds == 0.0
    patience.went_on(Completeness(3.0, ""), 0.9, 1.75)
    assert patience.seconds == pytest.approx(1.1)
    patience.turn_is_over()
    assert patience.seconds == pytest.approx(0.55)


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
