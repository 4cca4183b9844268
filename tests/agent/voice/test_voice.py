"""Voices: the default one, a speech service, how a strategy sounds, and which words were played."""

from __future__ import annotations

import json
import threading
import wave
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from omnisense.agent.voice.base import NoVoice, VoiceStyle, speak
from omnisense.agent.voice.hibari import HibariVoice
from omnisense.agent.voice.load import load_voice
from omnisense.agent.voice.openai_speech import SpeechServiceVoice
from omnisense.agent.voice.played import at_16_khz, played_words
from omnisense.agent.voice.styles import style_of
from omnisense.errors import InputError, ModelError
from omnisense.perception.media.encode import write_wav
from omnisense.reasoning.loop.appraisal import SafetyFinding, Strategy
from omnisense.text import split_sentences

TEXT = "I am with you, and we have all the time in the world."
# The median pitch of one sentence moves with its pace, since other frames are voiced; that of three hardly does.
LONGER = f"{TEXT} Nobody has to decide anything today. Tell me when you want to go on, and we will look at it."


@pytest.fixture(scope="module")
def voice() -> HibariVoice:
    return HibariVoice()


def pitch_hz(samples: np.ndarray) -> float:
    from omnisense.perception.audio.models import load_pitch_model

    found = load_pitch_model().detect(at_16_khz(samples, 24_000), 16_000)
    return float(np.median(found.pitch_hz[found.confidence >= 0.9]))


def test_the_same_text_gives_the_same_sound(voice: HibariVoice) -> None:
    assert np.array_equal(speak(voice, TEXT), speak(voice, TEXT))


def test_a_slower_pace_takes_longer_in_proportion(voice: HibariVoice) -> None:
    usual, slow, quick = (len(speak(voice, TEXT, VoiceStyle(pace=pace))) for pace in (1.0, 0.8, 1.25))
    assert slow / usual == pytest.approx(1.25, rel=0.08)
    assert quick / usual == pytest.approx(0.85, rel=0.08)  # it rounds the lengths of sounds


def test_pitch_moves_by_the_semitones_that_are_asked_for(voice: HibariVoice) -> None:
    usual, low = (pitch_hz(speak(voice, TEXT, VoiceStyle(pitch_st=st))) for st in (0.0, -3.0))
    assert 12 * np.log2(low / usual) == pytest.approx(-3.0, abs=0.5)


def test_reassurance_is_slower_and_lower_than_shared_joy_when_it_is_heard(voice: HibariVoice) -> None:
    calm = style_of(Strategy("reassure", "", 0.8, tone="calm reassurance"))
    joy = style_of(Strategy("share the joy", "", 0.8, tone="warm gladness"))
    calm_sound, joy_sound = speak(voice, TEXT, calm), speak(voice, TEXT, joy)
    assert len(calm_sound) > 1.15 * len(joy_sound)
    assert pitch_hz(calm_sound) < 0.9 * pitch_hz(joy_sound)


@pytest.mark.parametrize("strategy", ["share the joy", "reassure", "give space", "encourage"])
def test_each_strategy_is_heard_in_pace_and_pitch(voice: HibariVoice, strategy: str) -> None:
    style = style_of(Strategy(strategy, "", 0.8))
    plain, sound = speak(voice, LONGER), speak(voice, LONGER, style)
    assert (len(sound) < 0.97 * len(plain)) if style.pace > 1 else (len(sound) > 1.05 * len(plain))
    assert 12 * np.log2(pitch_hz(sound) / pitch_hz(plain)) == pytest.approx(style.pitch_st, abs=0.5)


def test_a_crisis_is_answered_calmly_whatever_the_strategy() -> None:
    joy = Strategy("share the joy", "", 0.8, tone="warm gladness")
    assert style_of(joy, SafetyFinding(category="self-harm")).pace < 1


def test_an_own_strategy_is_spoken_plainly() -> None:
    assert style_of(Strategy("quote a poem", "", 0.8, tone="solemn")) == VoiceStyle()


def test_a_pace_that_the_voice_cannot_do_is_refused(voice: HibariVoice) -> None:
    with pytest.raises(InputError, match="pace"):
        speak(voice, TEXT, VoiceStyle(pace=5.0))


def test_a_voice_that_would_be_downloaded_is_refused() -> None:
    with pytest.raises(ModelError, match="not on this machine"):
        load_voice("hibari:emma")


def test_an_unknown_voice_is_an_error() -> None:
    with pytest.raises(InputError, match="no voice 'hal'"):
        load_voice("hal")
    assert isinstance(load_voice("none"), NoVoice)


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("I hear you. Go on!", ["I hear you.", "Go on!"]),
        ("Dr. Smith called. It was 3.5 percent.", ["Dr. Smith called.", "It was 3.5 percent."]),
        ('She said "stop." Then she left.', ['She said "stop."', "Then she left."]),
        ("It was I. Then it was not.", ["It was I.", "Then it was not."]),
        ("One line\nand another", ["One line", "and another"]),
        ("... \n!", []),
    ],
)
def test_sentences_end_where_a_reader_would_say(text: str, sentences: list[str]) -> None:
    assert split_sentences(text) == sentences


def test_played_words_grow_with_the_sound_and_keep_their_spelling(voice: HibariVoice) -> None:
    sound = speak(voice, TEXT)
    length_s = len(sound) / voice.sample_rate
    said = [played_words(TEXT, sound, voice.sample_rate, share * length_s) for share in (0.0, 0.35, 0.7, 1.0)]
    assert said[0] == ""
    assert said[3] == TEXT
    assert TEXT.startswith(said[1])
    assert 0 < len(said[1]) < len(said[2]) < len(said[3])


def test_a_wav_file_holds_what_was_spoken(voice: HibariVoice, tmp_path: Path) -> None:
    sound = speak(voice, "Hello there.")
    write_wav(tmp_path / "hello.wav", sound, voice.sample_rate)
    with wave.open(str(tmp_path / "hello.wav")) as file:
        assert (file.getframerate(), file.getnframes()) == (24_000, len(sound))
    with pytest.raises(InputError, match="cannot be written"):
        write_wav(tmp_path / "missing" / "hello.wav", sound, voice.sample_rate)


@pytest.fixture
def service() -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """A speech service that answers with a ramp of 10,001 samples and an odd byte in between its blocks."""
    requests: list[dict[str, Any]] = []

    class Service(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            requests.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            body = np.arange(10_001, dtype="<i2").tobytes()
            self.send_response(200 if requests[-1]["voice"] == "alloy" else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if requests[-1]["input"] == "Cut.":
                body = body[:5000]
            for first in range(0, len(body), 4097):
                self.wfile.write(body[first : first + 4097])

        def log_message(self, *_: object) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Service)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/v1", requests
    server.shutdown()


def test_a_speech_service_is_asked_in_openais_form(service: tuple[str, list[dict[str, Any]]]) -> None:
    url, requests = service
    voice = SpeechServiceVoice("tts-1", "alloy", url, "key")
    sound = np.concatenate(list(voice.synthesize("Hello.", VoiceStyle(pace=0.9))))
    assert np.array_equal(np.round(sound * 32768), np.arange(10_001))
    sent = {key: requests[0][key] for key in ("model", "voice", "input", "speed", "response_format")}
    assert sent == {"model": "tts-1", "voice": "alloy", "input": "Hello.", "speed": 0.9, "response_format": "pcm"}


def test_a_service_that_refuses_is_an_error_with_a_remedy(service: tuple[str, list[dict[str, Any]]]) -> None:
    voice = SpeechServiceVoice("tts-1", "nobody", service[0], "key")
    with pytest.raises(ModelError, match="Check its address"):
        list(voice.synthesize("Hello."))


def test_a_connection_that_is_lost_within_the_sound_is_an_error_too(service: tuple[str, list[dict[str, Any]]]) -> None:
    voice = SpeechServiceVoice("tts-1", "alloy", service[0], "key")
    with pytest.raises(ModelError, match="the speech service failed"):
        list(voice.synthesize("Cut."))
