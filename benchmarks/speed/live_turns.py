"""Sixty scripted turns for the measurement of live conversation: real speech, and synthesized hesitations.

Real speech: GRID sentences (seven speakers), clean and through a telephone with noise, utterances of a telephone call,
and JFK's sentence with its own pauses. Beside the sixty, twelve turns of real speech into which silence was cut: the
voice gives no sign there that the speaker will go on.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from omnisense.agent.live.scenario import voiced
from omnisense.agent.voice.base import Voice, VoiceStyle
from omnisense.perception.audio.chunks import voice_activity
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.speech.align import align_words

JFK = "And so, my fellow Americans, ask not what your country can do for you, ask what you can do for your country."
_QUIET = 1e-4  # of the noise in inserted pauses, so that they are no digital silence
_SPEAKERS = (VoiceStyle(1.0, -4.0), VoiceStyle(0.92, -2.0), VoiceStyle(1.08, 1.0), VoiceStyle(1.0, -6.0))
# Said whole.
_COMPLETE = (
    "I had a long day at the office.",
    "Can you tell me what to do about my neighbor?",
    "My sister is getting married in the spring.",
    "I think I am going to be fine.",
    "Nobody came to my birthday party.",
    "What would you do if you were me?",
    "We lost the game in the last minute.",
    "I finally got the job that I wanted.",
    "He never even said sorry.",
    "Is it normal to feel this tired?",
    "I do not know what to say.",
    "The doctor said that it is nothing serious.",
    "I am proud of my daughter.",
    "Everybody was laughing at me.",
)
# Said with a pause where it is marked, in seconds.
_HESITANT = (
    ("I could not come to work because", 1.2, "my car broke down on the way."),
    ("So, um,", 1.0, "I wanted to ask you about my brother."),
    ("Yesterday I went to the", 0.9, "supermarket with my mother."),
    ("I was going to call you, but", 1.4, "then I fell asleep on the couch."),
    ("It is about, uh,", 1.1, "the money that we talked about."),
    ("When I was a child, we", 0.8, "always went to the sea in summer."),
    ("I would like to", 1.0, "learn how to play the piano."),
    ("My boss told me that", 1.3, "I should look for another job."),
    ("And then she said, well,", 1.0, "that she does not love me anymore."),
    ("I feel like", 0.9, "nobody really listens to me."),
    ("If I had known that before,", 1.1, "I would have stayed at home."),
    ("We have been friends since", 1.2, "the first day of school."),
    ("I am afraid of", 0.9, "what they will say tomorrow."),
    ("The thing is, um,", 1.5, "I already told him everything."),
    ("Maybe I should just", 1.0, "go away for a few days."),
    ("Last night my", 0.8, "daughter had a very high fever."),
    ("I keep thinking about", 1.1, "the day when my father left."),
    ("It was not easy, and", 1.2, "I am still quite proud of it."),
    ("There is one more thing that", 1.0, "I have to tell you."),
    ("He looked at me as if", 0.9, "I had done something terrible."),
    ("Um, let me think,", 1.0, "it was on a Thursday."),
    ("My brother and", 0.9, "his wife are coming for dinner."),
)


@dataclass(frozen=True)
class ScriptedTurn:
    """A turn.

    Attributes:
        name: what it is made of.
        kind: of speech.
        samples: (N,) float32 at 16 kHz, without silence at its ends.
        end_s: where its speech ends.
    """

    name: str
    kind: str
    samples: np.ndarray
    end_s: float


def scripted_turns(data: Path, voice: Voice) -> list[ScriptedTurn]:
    """Return the sixty turns.

    Args:
        data: the folder with ``grid`` and ``speech``.
        voice: speaks the synthesized ones.
    """
    turns = [as_turn(f"GRID: {words}", "real", samples) for words, samples in grid_sentences(data)]
    turns += [as_turn(f"call: {words}", "real", trim(samples)) for words, samples in call_utterances(data)[:8]]
    turns.append(as_turn("JFK", "real, with his own pauses", _jfk(data)))
    turns += [replace(turn, name=f"{turn.name}, by telephone", samples=by_telephone(turn.samples))
              for turn in turns if not turn.name.startswith("call")]  # fmt: skip
    return turns + synthesized_turns(voice, _SPEAKERS, _COMPLETE, _HESITANT)


def synthesized_turns(
    voice: Voice, speakers: Sequence[VoiceStyle], complete: Sequence[str], hesitant: Sequence[tuple[str, float, str]]
) -> list[ScriptedTurn]:
    """Return synthesized turns.

    Args:
        voice: that speaks.
        speakers: whose styles are taken in turn.
        complete: texts that are said without a pause.
        hesitant: what comes before a pause, its seconds, and what follows.
    """
    turns = []
    for number, text in enumerate(complete):
        turns.append(as_turn(text, "synthesized", voiced(voice, text, speakers[number % len(speakers)])))
    for number, (before, pause_s, after) in enumerate(hesitant):
        style = speakers[number % len(speakers)]
        sound = np.concatenate([voiced(voice, before, style), pause(pause_s), voiced(voice, after, style)])
        turns.append(as_turn(f"{before} [{pause_s:g} s] {after}", "synthesized hesitation", sound))
    return turns


def cut_turns(data: Path) -> list[ScriptedTurn]:
    """Return twelve turns of real speech with silence cut into them."""
    kind, found = "real, silence cut into it", []
    for pause_s, (words, samples) in zip((0.8, 0.9, 1.0, 1.1, 1.2, 1.3, 1.4), grid_sentences(data), strict=True):
        found.append(as_turn(f"GRID: {words}, {pause_s:g} s", kind, with_pause(samples, words, 2, pause_s)))
    for after_words, pause_s in ((6, 0.8), (8, 1.0), (9, 1.2), (12, 0.9), (17, 1.1)):
        sound = with_pause(_jfk(data), JFK, after_words, pause_s)
        found.append(as_turn(f"JFK, {pause_s:g} s after word {after_words}", kind, sound))
    return found


def call_utterances(data: Path) -> list[tuple[str, np.ndarray]]:
    """Return the utterances of the call that last a second or longer, with their words."""
    folder = data / "speech" / "two_speaker_call"
    whole = open_clip(folder / "sample.wav").audio()
    found = []
    for line in (folder / "sample.stm").read_text("utf-8").splitlines():
        fields = line.split()
        if line.startswith(";") or len(fields) < 6:
            continue
        start_s, end_s = float(fields[3]), float(fields[4])
        words = " ".join(field for field in fields[5:] if not field.startswith("<"))
        if end_s - start_s >= 1.0:
            found.append((words, whole[round(start_s * SAMPLE_RATE_HZ) : round((end_s + 0.1) * SAMPLE_RATE_HZ)]))
    return found


def grid_sentences(data: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the GRID sentences with their words."""
    with (data / "grid" / "transcripts.csv").open() as file:
        for row in csv.DictReader(file):
            yield row["transcript"], trim(open_clip(data / "grid" / row["file"]).audio())


def _jfk(data: Path) -> np.ndarray:
    return trim(open_clip(data / "speech" / "jfk" / "jfk.wav").audio())


def by_telephone(samples: np.ndarray) -> np.ndarray:
    """Return speech between 300 and 3,400 Hz, with noise 20 dB below it."""
    from scipy.signal import butter, sosfilt

    band = sosfilt(butter(4, (300, 3400), "bandpass", fs=SAMPLE_RATE_HZ, output="sos"), samples)
    noise = np.random.default_rng(0).normal(0.0, 0.1 * float(np.sqrt(np.mean(band**2))), len(band))
    return np.asarray(band + noise, np.float32)


def with_pause(samples: np.ndarray, words: str, after_words: int, pause_s: float) -> np.ndarray:
    """Return speech with a pause after some of its words."""
    aligned = align_words(samples, words, "en", 0.0).words
    cut = round((aligned[after_words - 1].end_s + aligned[after_words].start_s) / 2 * SAMPLE_RATE_HZ)
    fade = np.linspace(1.0, 0.0, SAMPLE_RATE_HZ // 100, dtype=np.float32)
    before, after = samples[:cut].copy(), samples[cut:].copy()
    before[-len(fade) :] *= fade
    after[: len(fade)] *= fade[::-1]
    return np.concatenate([before, pause(pause_s), after])


def pause(seconds: float) -> np.ndarray:
    """Return a silence, (N,) float32 at 16 kHz."""
    noise = np.random.default_rng(0).normal(0.0, _QUIET, round(seconds * SAMPLE_RATE_HZ))
    return noise.astype(np.float32)


def as_turn(name: str, kind: str, samples: np.ndarray) -> ScriptedTurn:
    """Return a turn of these samples; its speech ends where the voice activity does."""
    return ScriptedTurn(name, kind, samples, voice_activity(np.pad(samples, (0, SAMPLE_RATE_HZ)))[-1].end_s)


def trim(samples: np.ndarray) -> np.ndarray:
    """Return the speech in a recording, without the silence around it."""
    spans = voice_activity(np.pad(samples, (0, SAMPLE_RATE_HZ // 2)))
    return samples[round(spans[0].start_s * SAMPLE_RATE_HZ) : round(spans[-1].end_s * SAMPLE_RATE_HZ)]
