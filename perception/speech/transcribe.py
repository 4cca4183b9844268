"""Speech recognition with WhisperX, with word times.

WhisperX transcribes the speech that the shared voice activity found. Word times come from the first aligner that works
(see ``align``), and the transcript names it.
"""

from __future__ import annotations

import itertools
import math
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from omnisense.compat import without_pyannote_warnings, without_whisperx_notices
from omnisense.errors import ModelError
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.speech.align import align_words
from omnisense.perception.speech.sentences import main_language, split_sentences
from omnisense.perception.types import Segment, Span, Transcript, UnclearSpeech

_CHUNK_S = 30.0  # Whisper's window
_PAD_S = 0.2
# Languages are identified under this confidence: clean English has .79 and more, German .57 and less.
_IDENTIFY_UNDER = 0.75
# Of the least confidence, where a second model found the same language: then the words are rare, not foreign.
_CONFIRMED_SHARE = 0.75
_SURE_LANGUAGE = 0.5  # probability of the language; .96 and more for German in a room or on a phone line
# Of a short reading: nobody says more tokens in a second, but the model may repeat itself. Whisper's own thresholds for
# speech that is none: a probability over .6, and a mean log-probability below -1.
_BEAM_SIZE, _TOKENS_PER_S = 5, 8
_NO_SPEECH, _UNSURE = 0.6, math.exp(-1.0)


class Transcription(NamedTuple):
    """A transcript, and the phones of its speech (ARPAbet name, start, end) where they were requested."""

    transcript: Transcript
    phones: list[tuple[str, float, float]]


class _Recognized(NamedTuple):
    """A stretch of speech: its words as one segment without word times; without text where they are unclear."""

    segment: Segment
    language: str | None


class Transcriber:
    """A loaded WhisperX pipeline. Calls from several threads take turns.

    An English-only model writes other languages down as English phrases, with little confidence. What it is unsure of
    is given to a multilingual model, which names the language and, if it is not English, recognizes the words. Words
    of which no model is confident enough are not given at all.

    Args:
        folder: a Whisper model in CTranslate2 form.
        language: a code such as ``en``; None lets it be detected.
        threads: CPU threads of the recognizer; half the cores by default: its threads spin while they wait, and
            more of them slow the other extractors down more than they speed this one up.
        min_confidence: under which words are not given, 0 to 1.
        foreign: returns the multilingual transcriber, or None where there is none.

    Raises:
        ModelError: the folder contains no such model, or the model does not know the language.
    """

    def __init__(
        self,
        folder: Path,
        language: str | None = None,
        threads: int | None = None,
        min_confidence: float = 0.0,
        foreign: Callable[[], Transcriber | None] | None = None,
    ) -> None:
        self._lock = threading.Lock()
        self._pipeline, self.language = _load(folder, language, threads or max(1, (os.cpu_count() or 2) // 2))
        self._min_confidence = min_confidence
        self._knows_one_language = language is None and self.language is not None
        # A language that the user names is not questioned.
        self._foreign = foreign if self._knows_one_language else None

    def transcribe(self, chunks: Iterable[AudioChunk], with_phones: bool = False) -> Transcription:
        """Transcribe a clip's speech. No speech gives a transcript without segments.

        Args:
            chunks: the clip's audio.
            with_phones: whether to align the phones of English speech too, for active speaker detection.
        """
        detected = self.language or ""
        phones: list[tuple[str, float, float]] = []
        segments: list[Segment] = []
        unclear: list[UnclearSpeech] = []
        sources: dict[str, None] = {}
        notes: dict[str, None] = {}
        for chunk in chunks:
            if not chunk.speech:
                continue
            for found, language in self._recognize(chunk, detected):
                detected = detected or language or ""
                if not found.text:
                    unclear.append(UnclearSpeech(found.start_s, found.end_s, language))
                    continue
                samples = _samples_of(chunk, found)
                aligned = align_words(samples, found.text, language or "", found.start_s, with_phones)
                sources[aligned.source] = None
                notes |= dict.fromkeys(aligned.notes)
                phones += aligned.phones
                segments += split_sentences(aligned.words, found)
        transcript = Transcript(
            language=main_language(segments, unclear) or ("unknown" if unclear else detected or "unknown"),
            segments=tuple(segments),
            word_times=" and ".join(sources) or "none needed",
            notes=(*notes, *self._notes(unclear)),
            unclear=tuple(unclear),
        )
        return Transcription(transcript, phones)

    def align_recognized(self, chunk: AudioChunk, recognized: Segment, with_phones: bool = False) -> Transcription:
        """Return the transcript of a chunk whose words are known already, with their times.

        Args:
            chunk: an utterance.
            recognized: what :meth:`recognize_short` returned for it.
            with_phones: as for :meth:`transcribe`.
        """
        if (recognized.confidence or 0.0) < self._min_confidence:
            return self.transcribe([chunk], with_phones)  # which identifies other languages
        first, last = chunk.speech[0], chunk.speech[-1]
        spoken = Segment(first.start_s, last.end_s, recognized.text, confidence=recognized.confidence)
        language = recognized.language or self.language or "en"
        aligned = align_words(_samples_of(chunk, spoken), recognized.text, language, spoken.start_s, with_phones)
        segments = tuple(split_sentences(aligned.words, replace(spoken, language=language)))
        return Transcription(Transcript(language, segments, aligned.source, aligned.notes), aligned.phones)

    def _notes(self, unclear: Sequence[UnclearSpeech]) -> Iterator[str]:
        if not unclear:
            return
        seconds = sum(part.end_s - part.start_s for part in unclear)
        known = "; the speech model reads English only" if self._knows_one_language else ""
        yield f"the words of {seconds:.1f} s of speech are unclear: confidence under {self._min_confidence}{known}"

    def recognize_text(self, chunk: AudioChunk) -> str:
        """Return the words of a chunk without their times, which is faster: for speech that is still in progress."""
        found = self._recognize(chunk, self.language or "", identify=False)
        return " ".join(segment.text for segment, _ in found if segment.text)

    def recognize_short(self, samples: np.ndarray, window_s: float = 15.0) -> Segment | None:
        """Return the words of at most 28 s of speech without their times, in less than half of the usual time.

        Whisper's encoder usually reads 30 s, mostly of silence; here it reads little more than there is. Meant for
        speech in progress and for the utterances of a live conversation.

        Args:
            samples: (N,) float32 at 16 kHz, with speech in it.
            window_s: that the encoder reads, at least. With 15 s tiny.en made the errors that it makes with 30 s (WER
                .205 and .212 on GRID, a call and JFK); with 5 s it takes half as long, and .31.

        Returns:
            The words with the recognizer's confidence and their language; None where nothing was recognized.
        """
        model = self._pipeline.model
        length_s = len(samples) / SAMPLE_RATE_HZ
        with self._lock:
            features = model.feature_extractor(samples)
            frames = min(3000, max(round(100 * window_s), math.ceil(features.shape[-1] / 100) * 100 + 50))
            features = np.pad(features, ((0, 0), (0, max(0, frames - features.shape[-1]))))
            encoded = model.encode(np.ascontiguousarray(features[:, :frames]))
            language = self.language or model.model.detect_language(encoded)[0][0][0].strip("<|>")
            tokenizer = _tokenizer(model, language)
            best = model.model.generate(
                encoded,
                [[*tokenizer.sot_sequence, tokenizer.no_timestamps]],
                beam_size=_BEAM_SIZE,
                max_length=round(_TOKENS_PER_S * (length_s + 1.0)),
                return_scores=True,
                return_no_speech_prob=True,
            )[0]
        text = tokenizer.decode(best.sequences_ids[0]).strip()
        confidence = math.exp(min(0.0, best.scores[0]))
        if not text or (best.no_speech_prob > _NO_SPEECH and confidence < _UNSURE):
            return None
        return Segment(0.0, round(length_s, 3), text, confidence=round(confidence, 3), language=language)

    def identify_language(self, samples: np.ndarray) -> str | None:
        """Return the language of speech, (N,) float32 at 16 kHz; None where it is not clear."""
        with self._lock:
            language, probability, _ = self._pipeline.model.detect_language(audio=samples)
        return str(language) if probability >= _SURE_LANGUAGE else None

    def recognize_stretch(self, samples: np.ndarray, start_s: float, language: str) -> list[Segment]:
        """Return the words of speech in a language, which starts ``start_s`` into the clip, without their times."""
        whole = AudioChunk(start_s, samples, (Span(start_s, start_s + len(samples) / SAMPLE_RATE_HZ),))
        return self._run(whole, language)[0]

    def _recognize(self, chunk: AudioChunk, language: str, identify: bool = True) -> Iterator[_Recognized]:
        """Yield Whisper's segments with their language; without text where no words can be given."""
        segments, detected = self._run(chunk, language)
        for segment in segments:
            is_sure = (segment.confidence or 0.0) >= _IDENTIFY_UNDER
            foreign = self._foreign() if self._foreign and identify and not is_sure else None
            if foreign:
                yield from self._identify(segment, _samples_of(chunk, segment), detected, foreign)
            else:  # an English-only model cannot tell
                yield self._gate(segment, detected, None if self._knows_one_language else detected)

    def _identify(
        self, segment: Segment, samples: np.ndarray, assumed: str, foreign: Transcriber
    ) -> Iterator[_Recognized]:
        """Yield what a multilingual model makes of a segment that was recognized without confidence."""
        spoken = foreign.identify_language(samples)
        if spoken in (None, assumed):
            yield self._gate(segment, assumed, spoken, _CONFIRMED_SHARE if spoken else 1.0)
            return
        for read in foreign.recognize_stretch(samples, segment.start_s, str(spoken)) or [
            replace(segment, confidence=0)
        ]:
            yield self._gate(read, str(spoken), spoken)

    def _gate(self, segment: Segment, language: str, identified: str | None, share: float = 1.0) -> _Recognized:
        """Return a segment of a language with its words, or without them and of the language that was identified."""
        if (segment.confidence or 0.0) >= share * self._min_confidence:
            return _Recognized(replace(segment, language=language), language)
        return _Recognized(replace(segment, text=""), identified)

    def _run(self, chunk: AudioChunk, language: str) -> tuple[list[Segment], str]:
        with self._lock:
            self._pipeline.vad_model.speech = _pad_speech(chunk)
            result = self._pipeline.transcribe(
                chunk.samples, batch_size=8, language=language or None, chunk_size=_CHUNK_S
            )
        segments = [
            Segment(
                round(part["start"] + chunk.start_s, 3),
                round(part["end"] + chunk.start_s, 3),
                text,
                confidence=round(math.exp(min(0.0, part["avg_logprob"])), 3),
            )
            for part in result["segments"]
            if (text := str(part["text"]).strip())
        ]
        return segments, str(result["language"])


def _load(folder: Path, language: str | None, threads: int) -> tuple[Any, str | None]:
    if not (folder / "model.bin").is_file():
        raise ModelError(
            "this folder contains no Whisper model in CTranslate2 form (model.bin)",
            "Name a model of `omnisense models list`, or convert one with ct2-transformers-converter.",
            folder,
        )
    with without_pyannote_warnings():
        import whisperx.alignment  # noqa: F401 (now, and not beside another import when the first words are aligned)
        from whisperx.asr import WhisperModel, load_model
    device = "cuda" if ctranslate2_sees_gpu() else "cpu"
    try:
        model = WhisperModel(
            str(folder), device=device, compute_type="float16" if device == "cuda" else "int8", cpu_threads=threads
        )
    except (RuntimeError, ValueError) as error:
        raise ModelError(f"the Whisper model cannot be loaded ({error})", "Download it again.", folder) from error
    if not model.model.is_multilingual:
        if language not in (None, "en"):  # it would write the sounds down as English phrases
            raise ModelError(
                f"this Whisper model reads English only, not '{language}'",
                "Give a multilingual --speech-model, such as whisper-base, or leave --language out.",
                folder.name,
            )
        language = "en"
    with without_whisperx_notices():
        pipeline = load_model(str(folder), device, language=language, vad_model=_fixed_vad(), model=model)
    return pipeline, language


def _tokenizer(model: Any, language: str) -> Any:
    from faster_whisper.tokenizer import Tokenizer

    multilingual = model.model.is_multilingual
    return Tokenizer(model.hf_tokenizer, multilingual, "transcribe" if multilingual else None, language)


def ctranslate2_sees_gpu() -> bool:
    """Return whether CTranslate2 can use a GPU here."""
    import ctranslate2

    return bool(ctranslate2.get_cuda_device_count())


def _fixed_vad() -> Any:
    """Return a voice activity model for WhisperX that returns the speech found before (its ``speech``, in seconds)."""
    from whisperx.diarize import Segment as SpeechSegment
    from whisperx.vads import Vad

    class FixedVad(Vad):
        def __init__(self) -> None:
            self.speech: list[Span] = []

        def __call__(self, audio: Any) -> list[Any]:
            return [SpeechSegment(span.start_s, span.end_s) for span in self.speech]

        @staticmethod
        def preprocess_audio(audio: np.ndarray) -> np.ndarray:
            return audio

    return FixedVad()


def _pad_speech(chunk: AudioChunk) -> list[Span]:
    """Return the speech in seconds of the chunk, padded: Whisper recognizes clipped first words badly."""
    length_s = len(chunk.samples) / SAMPLE_RATE_HZ
    spans = [(s.start_s - chunk.start_s, s.end_s - chunk.start_s) for s in chunk.speech]
    limits = [0.0, *((a[1] + b[0]) / 2 for a, b in itertools.pairwise(spans)), length_s]
    return [
        Span(max(start - _PAD_S, limits[i]), min(end + _PAD_S, limits[i + 1])) for i, (start, end) in enumerate(spans)
    ]


def _samples_of(chunk: AudioChunk, segment: Segment) -> np.ndarray:
    first = round((segment.start_s - chunk.start_s) * SAMPLE_RATE_HZ)
    return chunk.samples[first : first + round((segment.end_s - segment.start_s) * SAMPLE_RATE_HZ)]
