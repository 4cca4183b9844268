"""The rule that ends turns, and backchannels; and the language model that says where sentences end."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from omnisense.agent.live import recognizing, sentence_end
from omnisense.agent.live.backchannels import count_turn_words
from omnisense.agent.live.jobs import SimulatedJobs
from omnisense.agent.live.open_turn import OpenTurn
from omnisense.agent.live.recognizing import SpeechModels
from omnisense.agent.live.sentence_end import SentenceEnd, find_sentence_end
from omnisense.agent.live.settings import LiveSettings
from omnisense.agent.live.turn_taking import Completeness, Patience, TurnEvidence, completeness, required_silence_s
from omnisense.agent.live.turn_words import word_evidence
from omnisense.errors import InputError
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import Segment


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


def test_words_in_another_script_leave_the_whole_decision_to_the_voice() -> None:
    """Also where they are taken for English."""
    for sentence_ends in (None, -4.0, 4.0):
        assert silence_s(TurnEvidence(0.97, "我今天很累", sentence_ends)) == pytest.approx(0.73, abs=0.01)


def speech_models_of(language: str | None, monkeypatch: pytest.MonkeyPatch) -> SpeechModels:
    """Speech models of which none is loaded; the recognizer reads a language, or every one where it is None."""
    transcriber = SimpleNamespace(language=language)
    registry = SimpleNamespace(load_all=lambda: None, get=lambda _: transcriber)
    monkeypatch.setattr(recognizing, "load_smart_turn", lambda: None)
    return SpeechModels(SimpleNamespace(registry=registry))  # type: ignore[arg-type]


@pytest.mark.parametrize("reads", [None, "en"])
def test_the_language_model_judges_english_words_alone(reads: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    model = SimpleNamespace(log_odds=lambda _: 1.5)
    monkeypatch.setattr(recognizing, "find_sentence_end", lambda: model)
    speech_models = speech_models_of(reads, monkeypatch)
    assert speech_models.judge_words("I went home.", "en") == 1.5
    assert speech_models.judge_words("Ich ging nach Hause.", "de") is None
    assert speech_models.judge_words("我今天很累", "zh") is None
    assert speech_models.judge_words("...", "en") is None
    assert speech_models.judge_words("", None) is None


def test_a_turn_says_which_language_its_last_words_were_recognized_in() -> None:
    asked = []
    speech_models = SimpleNamespace(
        judge=lambda _: 0.97, judge_words=lambda words, language: asked.append((words, language))
    )
    turn = OpenTurn("turn-1", 0.0, SimpleNamespace, SimulatedJobs(0.01), speech_models)  # type: ignore[arg-type]
    for text, language in (("I went home.", "en"), ("Ich bin müde.", "de"), ("", None)):
        recognized = Segment(0.0, 1.0, text, language=language) if text else None
        speech_models.recognize = lambda _, found=recognized: found
        turn.hear(np.ones(SAMPLE_RATE_HZ, np.float32), 1.0)
        turn.begin_speech(0.0)
        pause = turn.begin_pause(1.0, 1.2, 1.0, 1.2)
        turn.set_partial(pause.words.result())
        turn.ask_about_words(pause, 1.3)
    assert asked == [("I went home.", "en"), ("Ich bin müde.", "de"), ("", None)]


def test_no_language_model_is_loaded_for_a_recognizer_of_another_language(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recognizing, "find_sentence_end", lambda: pytest.fail("it was loaded"))
    assert speech_models_of("de", monkeypatch).judge_words("Ich ging nach Hause.", "de") is None


def test_without_the_language_model_a_session_starts_and_a_warning_says_so_once(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(sentence_end, "_loaded", [])
    monkeypatch.setenv("OMNISENSE_OFFLINE", "1")
    monkeypatch.setenv("OMNISENSE_HOME", str(tmp_path))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            assert speech_models_of(None, monkeypatch).judge_words("I went home.", "en") is None
    [record] = [record for record in caplog.records if record.name == sentence_end.__name__]
    assert "smollm2" in record.message


def test_sessions_that_start_together_load_the_language_model_once(monkeypatch: pytest.MonkeyPatch) -> None:
    loads = []

    def load() -> SimpleNamespace:
        loads.append(1)
        time.sleep(0.05)
        return SimpleNamespace()

    monkeypatch.setattr(sentence_end, "_loaded", [])
    monkeypatch.setattr(sentence_end, "_load", load)
    found: list[SentenceEnd | None] = []
    threads = [threading.Thread(target=lambda: found.append(find_sentence_end())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(loads) == 1
    assert len(found) == 4
    assert len({id(model) for model in found}) == 1


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
    model = find_sentence_end()
    assert model is not None
    for begun in ("I could not come because", "He gave me", "The people at", "What would happen if", "My father, who"):
        assert model.log_odds(begun) < 0.0
    for whole in ("He gave me a book.", "Nobody came to my birthday party.", "They went home <|im_end|> late."):
        assert model.log_odds(whole) > 0.5


@pytest.mark.models
@pytest.mark.slow
def test_a_typed_control_token_is_read_as_text() -> None:
    model = find_sentence_end()
    assert model is not None
    message_end = model._tokenizer.convert_tokens_to_ids("<|im_end|>")
    ids = model._ids_of("They went home <|im_end|> late.")
    assert message_end not in ids
    assert "<|im_end|> late" in model._tokenizer.decode(ids)


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
    assert count_turn_words(words) == 0


@pytest.mark.parametrize(
    "words", ["Yeah, but I did not mean that", "No, wait.", "What?", "Can we talk about my sister?"]
)
def test_words_that_take_the_turn_are_none(words: str) -> None:
    assert count_turn_words(words) > 0


@pytest.mark.parametrize(
    "values",
    [
        {"pause_s": 0.0},
        {"pause_s": "short"},
        {"min_endpointing_s": 4.0},
        {"turn_detection": "sometimes"},
        {"output_lead_s": -1},
        {"max_turn_s": True},
        {"check_in": "no"},
    ],
)
def test_settings_that_make_no_sense_are_refused(values: dict[str, object]) -> None:
    with pytest.raises(InputError):
        LiveSettings(**values)  # type: ignore[arg-type]
