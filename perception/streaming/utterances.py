"""Finished utterances of a live stream: transcribed, measured, and assigned to speakers and faces one by one."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from omnisense.perception.audio.analysis import analyze_audio, dominant_speaker
from omnisense.perception.audio.baselines import (
    compare_with_baselines,
    median_baselines,
    relative_prosody,
    usual_prosody,
)
from omnisense.perception.audio.chunks import AudioChunk
from omnisense.perception.audio.diarization import ClusteringDiarizer
from omnisense.perception.fusion.active_speaker import detect_active_speakers
from omnisense.perception.fusion.speakers import assign_speakers
from omnisense.perception.pipeline import Perception
from omnisense.perception.speech.transcribe import Transcriber, Transcription
from omnisense.perception.types import (
    AudioStream,
    Prosody,
    Segment,
    Span,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    UnclearSpeech,
    Utterance,
)
from omnisense.perception.vision.landmarks import LandmarkTrack

_SAME_SPEAKER = 0.35  # cosine from which a speaker is a known one; of the same people's clips on EmoDB, .55 on average


@dataclass
class _FixedTurns:
    """A diarizer of turns that are known already, for ``analyze_audio``."""

    known: list[SpeakerTurn]
    name: str = "fixed"

    def begin(self) -> _FixedTurns:
        """Return itself: the turns are of one clip."""
        return self

    def add(self, chunk: AudioChunk) -> None:
        """Ignore the chunk."""

    def turns(self) -> list[SpeakerTurn]:
        """Return the known turns."""
        return self.known


@dataclass
class FinishedUtterances:
    """Everything that is known of finished utterances.

    Attributes:
        centers: a vector (D,) per speaker, the sum of the embeddings so far.
    """

    perception: Perception
    segments: list[Segment] = field(default_factory=list)
    unclear: list[UnclearSpeech] = field(default_factory=list)
    notes: dict[str, None] = field(default_factory=dict)
    utterances: list[Utterance] = field(default_factory=list)
    speech: list[Span] = field(default_factory=list)
    turns: list[SpeakerTurn] = field(default_factory=list)
    speaker_segments: list[SpeakerSegment] = field(default_factory=list)
    seconds: dict[int, Prosody] = field(default_factory=dict)
    centers: list[np.ndarray] = field(default_factory=list)
    language: str = ""
    word_times: str = "none needed"
    emotion_labels: tuple[str, ...] = ()

    def fork(self) -> FinishedUtterances:
        """Return a copy to which utterances can be added without changing this one."""
        copied = copy.copy(self)
        for name, value in vars(self).items():
            if isinstance(value, list | dict):
                setattr(copied, name, value.copy())
        return copied

    def add(
        self,
        chunk: AudioChunk,
        transcriber: Transcriber | None,
        tracks: Sequence[LandmarkTrack] | None,
        recognized: Segment | None = None,
    ) -> tuple[list[Segment], list[SpeakerSegment]]:
        """Process a finished utterance.

        Args:
            chunk: its audio.
            transcriber: None leaves words out.
            tracks: the lips of the faces; None without video.
            recognized: its words, where they are known already.

        Returns:
            Its segments, and the faces that speak them.
        """
        turns = list(self._diarize(chunk))
        registry = self.perception.registry
        with registry.audio_lock:
            analysis = analyze_audio([chunk], replace(registry.audio_models(), diarizer=_FixedTurns(turns)))
        stream = analysis.stream
        self.turns += stream.speaker_turns
        self.utterances += stream.utterances
        self.speech += chunk.speech
        self.seconds |= {i: p for i, p in enumerate(stream.seconds) if p.f0_hz is not None}
        transcript, phones = Transcription(Transcript("", (), ""), [])
        if transcriber and recognized:
            transcript, phones = transcriber.align_recognized(chunk, recognized, with_phones=bool(tracks))
        elif transcriber:
            transcript, phones = transcriber.transcribe([chunk], with_phones=bool(tracks))
        transcript = self.perception.add_text_emotion(assign_speakers(transcript, stream.speaker_turns), spoken=True)
        self.language, self.word_times = transcript.language, transcript.word_times
        self.emotion_labels = transcript.emotion_labels or self.emotion_labels
        self.segments += transcript.segments
        self.unclear += transcript.unclear
        self.notes |= dict.fromkeys(transcript.notes)
        speaker_segments: list[SpeakerSegment] = []
        if tracks is not None:
            loudness = (analysis.time_s, analysis.level_db)
            speaker_segments = detect_active_speakers(
                tracks,
                stream,
                loudness,
                phones,
                transcript,
                off_screen_prior=self.perception.settings.off_screen_prior,
            )
        self.speaker_segments += speaker_segments
        return list(transcript.segments), speaker_segments

    def _diarize(self, chunk: AudioChunk) -> Iterator[SpeakerTurn]:
        """Yield the chunk's turns with its speakers linked to the known ones; none without a speaker embedding."""
        diarizer = self.perception.registry.get("speaker")
        if not isinstance(diarizer, ClusteringDiarizer):  # a pyannote pipeline needs the whole clip
            return
        turns, vectors = diarizer.diarize(chunk)
        known: dict[str, int] = {}
        for name, vector in vectors.items():
            similarity = [float(center @ vector / np.linalg.norm(center)) for center in self.centers]
            for taken in known.values():
                similarity[taken] = -1.0  # two speakers of one chunk are two people
            index = int(np.argmax(similarity)) if similarity and max(similarity) >= _SAME_SPEAKER else len(self.centers)
            if index == len(self.centers):
                self.centers.append(vector)
            else:
                self.centers[index] = self.centers[index] + vector
            known[name] = index
        for turn in turns:
            yield SpeakerTurn(round(turn.start_s, 3), round(turn.end_s, 3), f"voice-{known[turn.speaker] + 1}")

    def streams(self, end_s: float, notes: tuple[str, ...]) -> tuple[AudioStream, Transcript]:
        """Return the streams up to a time, with prosody relative to each speaker's baseline.

        Args:
            end_s: of the received audio.
            notes: for the audio stream.
        """
        baselines, overall = median_baselines(self.utterances)
        models = self.perception.registry.audio_models()
        if models.diarizer and not isinstance(models.diarizer, ClusteringDiarizer):
            notes = (*notes, f"no live diarization: a {models.diarizer.name} needs the whole clip")
        usual = usual_prosody(baselines, overall, [u.speaker for u in self.utterances])
        seconds = (
            relative_prosody(
                self.seconds.get(i, Prosody()), usual.get(dominant_speaker(self.turns, i, i + 1.0), Prosody())
            )
            for i in range(int(np.ceil(end_s)))
        )
        audio = AudioStream(
            duration_s=round(end_s, 3),
            speech=tuple(self.speech),
            pauses=tuple(Span(a.end_s, b.start_s) for a, b in itertools.pairwise(self.speech) if b.start_s > a.end_s),
            utterances=tuple(compare_with_baselines(self.utterances, baselines, overall)),
            seconds=tuple(seconds),
            baseline=overall,
            speaker_turns=tuple(self.turns),
            speaker_baselines=baselines,
            emotion_labels=models.emotion_classifier.labels if models.emotion_classifier else (),
            notes=(*models.notes, *notes),
        )
        transcript = Transcript(
            language=self.language or "unknown",
            segments=tuple(self.segments),
            word_times=self.word_times,
            notes=tuple(self.notes),
            emotion_labels=self.emotion_labels,
            unclear=tuple(self.unclear),
        )
        return audio, transcript
