"""What is said: WhisperX words with times.

WhisperX transcribes the stretches that the shared voice activity found. Word times come from the first that can
give them, and the transcript names it: WhisperX's own aligner when its model is on this machine; PocketSphinx
forced alignment for English; for other languages the segment's time shared out by word length.
"""

from __future__ import annotations

import contextlib
import io
import itertools
import logging
import math
import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense.compat import without_pyannote_warnings
from omnisense.errors import ModelError
from omnisense.perception.audio.chunks import SpeechBlock
from omnisense.perception.speech.align import WordAligner
from omnisense.perception.types import Segment, Span, Transcript, Word

_CHUNK_S = 30.0  # Whisper's window
_PAD_S = 0.2
_PAUSE_ENDS_SEGMENT_S = 0.8
_SENTENCE_ENDS = (".", "!", "?", "。", "！", "？", "…")


class Reading(NamedTuple):
    """A transcript, and the sounds of its speech (ARPAbet name, start, end) where they were asked for."""

    transcript: Transcript
    phones: list[tuple[str, float, float]]


class Transcriber:
    """A loaded WhisperX pipeline and a word aligner. Calls from several threads take turns.

    Args:
        folder: a Whisper model in CTranslate2 form.
        language: a code such as ``en``; None lets multilingual models find it, English-only models ignore it.
        threads: CPU threads of the recogniser; half the cores by default: its threads spin while they wait, and
            more of them slow the other extractors down more than they speed this one up.

    Raises:
        ModelError: the folder holds no such model.
    """

    def __init__(self, folder: Path, language: str | None = None, threads: int | None = None) -> None:
        self._lock = threading.Lock()
        self._pipeline, self.language = _load(folder, language, threads or max(1, (os.cpu_count() or 2) // 2))
        self.aligner = WordAligner()

    def transcribe(self, blocks: Iterable[SpeechBlock], with_phones: bool = False) -> Reading:
        """Write down a clip's speech. No speech gives a transcript without segments.

        ``with_phones`` asks for the sounds of English speech too, which who-is-talking compares with lips.
        """
        language = self.language or ""
        phones: list[tuple[str, float, float]] = []
        segments: list[Segment] = []
        sources: dict[str, None] = {}
        for block in blocks:
            if not block.speech:
                continue
            for chunk, found in self._recognise(block, language):
                language = found
                aligned = self.aligner.align(_samples(block, chunk), chunk.text, found, chunk.start_s, with_phones)
                sources[aligned.source] = None
                phones += aligned.phones
                segments += _sentences(aligned.words, chunk.confidence)
        transcript = Transcript(
            language=language or "unknown",
            segments=tuple(segments),
            word_times=" and ".join(sources) or "none needed",
            notes=tuple(self.aligner.notes),
        )
        return Reading(transcript, phones)

    def text_of(self, block: SpeechBlock) -> str:
        """The words of a block without their times: what can be had quickly while somebody still speaks."""
        return " ".join(chunk.text for chunk, _ in self._recognise(block, self.language or ""))

    def _recognise(self, block: SpeechBlock, language: str) -> Iterator[tuple[Segment, str]]:
        with self._lock:
            self._pipeline.vad_model.speech = _padded(block)
            result = self._pipeline.transcribe(
                block.samples, batch_size=8, language=language or None, chunk_size=_CHUNK_S
            )
        for part in result["segments"]:
            text = str(part["text"]).strip()
            if text:
                yield (
                    Segment(
                        round(part["start"] + block.start_s, 3),
                        round(part["end"] + block.start_s, 3),
                        text,
                        confidence=round(math.exp(min(0.0, part["avg_logprob"])), 3),
                    ),
                    result["language"],
                )


def _load(folder: Path, language: str | None, threads: int) -> tuple[Any, str | None]:
    if not (folder / "model.bin").is_file():
        raise ModelError(
            "this folder holds no Whisper model in CTranslate2 form (model.bin)",
            "Name a model of `omnisense models list`, or convert one with ct2-transformers-converter.",
            folder,
        )
    with without_pyannote_warnings():
        import whisperx.alignment  # noqa: F401 (now, not when the first words are aligned beside another import)
        from whisperx.asr import WhisperModel, load_model
    logging.getLogger("whisperx").setLevel(logging.ERROR)
    device = "cuda" if ctranslate2_sees_gpu() else "cpu"
    try:
        model = WhisperModel(
            str(folder), device=device, compute_type="float16" if device == "cuda" else "int8", cpu_threads=threads
        )
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the Whisper model cannot be loaded ({error})", "Fetch it again.", folder) from error
    if not model.model.is_multilingual:
        language = "en"
    with contextlib.redirect_stdout(io.StringIO()):  # a remark that the voice activity is given, not computed
        pipeline = load_model(str(folder), device, language=language, vad_model=_given_vad(), model=model)
    return pipeline, language


def ctranslate2_sees_gpu() -> bool:
    """Whether CTranslate2 can compute on a GPU here."""
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())


def _given_vad() -> Any:
    """A voice activity model for WhisperX that hands it the speech found before (its ``speech``, in seconds)."""
    from whisperx.diarize import Segment as SpeechSegment
    from whisperx.vads import Vad

    class GivenVad(Vad):
        def __init__(self) -> None:
            self.speech: list[Span] = []

        def __call__(self, audio: Any) -> list[Any]:
            return [SpeechSegment(span.start_s, span.end_s) for span in self.speech]

        @staticmethod
        def preprocess_audio(audio: np.ndarray) -> np.ndarray:
            return audio

    return GivenVad()


def _padded(block: SpeechBlock) -> list[Span]:
    """Speech in seconds of the block with room around it, as Whisper hears clipped first words badly."""
    length_s = len(block.samples) / 16_000
    spans = [(s.start_s - block.start_s, s.end_s - block.start_s) for s in block.speech]
    befores = [0.0, *((a[1] + b[0]) / 2 for a, b in itertools.pairwise(spans)), length_s]
    return [
        Span(max(start - _PAD_S, befores[i]), min(end + _PAD_S, befores[i + 1])) for i, (start, end) in enumerate(spans)
    ]


def _samples(block: SpeechBlock, chunk: Segment) -> np.ndarray:
    first = round((chunk.start_s - block.start_s) * 16_000)
    return block.samples[first : first + round((chunk.end_s - chunk.start_s) * 16_000)]


def _sentences(words: list[Word], confidence: float | None) -> Iterator[Segment]:
    """Whisper's chunks run up to 30 s over several sentences: cut them after a sentence's end or before a pause."""
    current: list[Word] = []
    for word in words:
        if current and (
            word.start_s - current[-1].end_s > _PAUSE_ENDS_SEGMENT_S or current[-1].text.endswith(_SENTENCE_ENDS)
        ):
            yield _segment(current, confidence)
            current = []
        current.append(word)
    if current:
        yield _segment(current, confidence)


def _segment(words: list[Word], confidence: float | None) -> Segment:
    return Segment(words[0].start_s, words[-1].end_s, " ".join(w.text for w in words), tuple(words), confidence)
