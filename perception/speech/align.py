"""Word alignment: the times of recognized words, from the first of three aligners that works, with its name.

1. WhisperX's wav2vec2 aligner, if its model is already on this machine (it is never downloaded unasked).
2. PocketSphinx forced alignment, for English: its acoustic model ships in its package.
3. The segment's time divided by word length, which is a guess and marked as such.
"""

from __future__ import annotations

import functools
import re
import threading
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import Word

DIVIDED = "guess: time divided by word length"
_DECODING = threading.Lock()  # the models take one call at a time
_SPHINX = "pocketsphinx forced alignment"
_WHISPERX = "whisperx wav2vec2 alignment"
# Phones for the letters of words that are not in PocketSphinx's dictionary (names, coinages). Crude on purpose: the
# neighboring words fix the position, and only the word's borders are used.
_LETTER_PHONES = dict(
    zip(
        "abcdefghijklmnopqrstuvwxyz",
        [
            "AE",
            "B",
            "K",
            "D",
            "EH",
            "F",
            "G",
            "HH",
            "IH",
            "JH",
            "K",
            "L",
            "M",
            "N",
            "AA",
            "P",
            "K",
            "R",
            "S",
            "T",
            "AH",
            "V",
            "W",
            "K S",
            "IY",
            "Z",
        ],
        strict=True,
    )
)


class _TimedWord(NamedTuple):
    text: str
    start_s: float
    end_s: float
    confidence: float | None = None


class Aligned(NamedTuple):
    """Words with times.

    Attributes:
        source: the aligner.
        phones: ARPAbet name, start and end of each phone, where requested; always by PocketSphinx.
        notes: why a better aligner was not used.
    """

    words: list[Word]
    source: str
    phones: list[tuple[str, float, float]]
    notes: tuple[str, ...] = ()


def align_words(samples: np.ndarray, text: str, language: str, start_s: float, with_phones: bool = False) -> Aligned:
    """Align the words of a text with audio. Calls from several threads take turns.

    Args:
        samples: (N,) float32 at 16 kHz, in which the text was recognized.
        text: as recognized, with punctuation, which stays on the words.
        language: its code; PocketSphinx supports ``en`` only.
        start_s: where the samples begin in the clip.
        with_phones: whether to align phones too (English only).
    """
    notes: list[str] = []
    with _DECODING:
        timed, source = _time_words(samples, text, language, notes)
        phones = _align_phones(samples, text) if with_phones and language == "en" else []
    return Aligned(
        [Word(w.text, round(w.start_s + start_s, 3), round(w.end_s + start_s, 3), w.confidence) for w in timed],
        source,
        [(name, begin_s + start_s, end_s + start_s) for name, begin_s, end_s in phones],
        tuple(notes),
    )


def _time_words(samples: np.ndarray, text: str, language: str, notes: list[str]) -> tuple[list[_TimedWord], str]:
    """Return the words with times, and the aligner; append to ``notes`` why a better one was not used."""
    aligner = _whisperx_aligner(language)
    if aligner is not None:
        try:
            return _align_with_whisperx(aligner, samples, text), _WHISPERX
        except (LookupError, RuntimeError, ValueError) as error:  # nltk data missing; text not in its alphabet
            notes.append(f"whisperx could not align: {str(error).strip().splitlines()[0][:100]}")
    if language == "en":
        timed = _align_with_sphinx(samples, text)
        if timed:
            return timed, _SPHINX
        notes.append("pocketsphinx could not align a stretch; its word times are a guess")
    return _divide_time(len(samples) / SAMPLE_RATE_HZ, text), DIVIDED


# --- WhisperX -----------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=2)
def _whisperx_aligner(language: str) -> tuple[Any, Any] | None:
    from whisperx.alignment import DEFAULT_ALIGN_MODELS_HF, DEFAULT_ALIGN_MODELS_TORCH, load_align_model

    if language in DEFAULT_ALIGN_MODELS_TORCH:
        import torch
        import torchaudio

        bundle = getattr(torchaudio.pipelines, DEFAULT_ALIGN_MODELS_TORCH[language])
        is_local = (Path(torch.hub.get_dir()) / "checkpoints" / Path(bundle._path).name).is_file()
    else:
        from omnisense import models

        is_local = language in DEFAULT_ALIGN_MODELS_HF and models.find(DEFAULT_ALIGN_MODELS_HF[language]) is not None
    return load_align_model(language, "cpu", model_cache_only=True) if is_local else None


def _align_with_whisperx(aligner: tuple[Any, Any], samples: np.ndarray, text: str) -> list[_TimedWord]:
    from whisperx.alignment import align

    length_s = len(samples) / SAMPLE_RATE_HZ
    result = align([{"text": text, "start": 0.0, "end": length_s}], *aligner, samples, "cpu")
    words = result["word_segments"]
    if not words or any("start" not in w for w in words):
        raise ValueError("some words have no letters of the model's alphabet")
    return [_TimedWord(w["word"], w["start"], w["end"], round(float(w["score"]), 3)) for w in words]


# --- PocketSphinx -------------------------------------------------------------------------------------------


@functools.lru_cache(maxsize=1)
def _sphinx() -> Any:
    from pocketsphinx import Decoder

    # Wider beams than its default: a synthetic or strained voice falls out of those, which save no time.
    return Decoder(
        samprate=SAMPLE_RATE_HZ, lm=None, bestpath=False, loglevel="FATAL", beam=1e-80, wbeam=1e-60, pbeam=1e-80
    )


def _align_with_sphinx(samples: np.ndarray, text: str) -> list[_TimedWord]:
    tokens = text.split()
    spoken = [_spoken_form(token) for token in tokens]
    decoder = _force_align(samples, [word for form in spoken for word in form])
    if decoder is None:
        return []
    found = [(s.start_frame / 100, (s.end_frame + 1) / 100) for s in decoder.seg() or [] if s.word[0] not in "<["]
    if len(found) != sum(len(form) for form in spoken):
        return []
    return _group(tokens, spoken, found)


def _force_align(samples: np.ndarray, words: list[str]) -> Any:
    """Return the decoder after forced alignment of dictionary words; None when they do not fit the samples."""
    if not len(samples):  # the recognizer can time words after the end of the sound
        return None
    decoder = _sphinx()
    for word in set(words):
        if decoder.lookup_word(word) is None:
            decoder.add_word(word, " ".join(_LETTER_PHONES[c] for c in word if c in _LETTER_PHONES), True)
    try:
        decoder.set_align_text(" ".join(words))
        _decode_samples(decoder, samples)
    except RuntimeError:
        return None
    return decoder


def _decode_samples(decoder: Any, samples: np.ndarray) -> None:
    decoder.reinit_feat()  # what it heard before must not shift these words
    decoder.start_utt()
    decoder.process_raw((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes(), full_utt=True)
    decoder.end_utt()


def _align_phones(samples: np.ndarray, text: str) -> list[tuple[str, float, float]]:
    """Return each phone of the text with its times: a second pass over the aligned words."""
    decoder = _force_align(samples, [word for token in text.split() for word in _spoken_form(token)])
    if decoder is None:
        return []
    try:
        decoder.set_alignment()
        _decode_samples(decoder, samples)
        alignment = decoder.get_alignment()
    except RuntimeError:
        return []
    return [
        (phone.name, phone.start / 100, (phone.start + phone.duration) / 100)
        for word in alignment or []
        for phone in word
    ]


def _group(tokens: list[str], spoken: list[list[str]], found: list[tuple[float, float]]) -> list[_TimedWord]:
    timed, at, last_end_s = [], 0, 0.0
    for token, form in zip(tokens, spoken, strict=True):
        parts = found[at : at + len(form)]
        at += len(form)
        start_s, end_s = (parts[0][0], parts[-1][1]) if parts else (last_end_s, last_end_s)  # a bare dash
        timed.append(_TimedWord(token, start_s, end_s))
        last_end_s = end_s
    return timed


def _spoken_form(token: str) -> list[str]:
    """Return the dictionary words of a written token: ``F2`` is "f two", ``well-known`` two words, ``don't`` one."""
    words = []
    for part in re.findall(r"[a-z']+|\d[\d,]*(?:\.\d+)?", token.lower().replace("\u2019", "'")):
        if part[0].isdigit():
            words += re.findall(r"[a-z]+", _number_words(part))
        elif part.strip("'"):
            words.append(part if _sphinx().lookup_word(part) else part.strip("'"))
    return words


def _number_words(number: str) -> str:
    import inflect

    digits = number.replace(",", "")
    try:
        words = inflect.engine().number_to_words(digits)
    except inflect.NumOutOfRangeError:  # a recognizer that repeats itself writes rows of digits
        words = inflect.engine().number_to_words(digits, group=1)
    return words if isinstance(words, str) else " ".join(words)


def _divide_time(length_s: float, text: str) -> list[_TimedWord]:
    tokens = text.split()
    if len(tokens) == 1 and len(text) > 8:  # written without spaces
        tokens = list(text)
    ends = np.cumsum([len(token) + 1 for token in tokens]) / sum(len(token) + 1 for token in tokens) * length_s
    return [
        _TimedWord(token, float(start), float(end))
        for token, start, end in zip(tokens, [0.0, *ends[:-1]], ends, strict=True)
    ]
