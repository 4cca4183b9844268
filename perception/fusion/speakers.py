"""Assign the words of a transcript to speakers."""

from __future__ import annotations

import itertools
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import replace

from omnisense.perception.types import Segment, SpeakerTurn, Transcript, Word

_NEAR_S = 0.5  # a word this far from any turn still belongs to the nearest
_STRAY_WORDS = 1  # a lone word of another speaker inside a sentence is an error of the turns' borders
# So are the first words of a sentence without a pause after them where the speaker before goes on that far and the rest
# is another's: borders lie late by about half a second.
_LATE_WORDS, _PAUSE_S = 2, 0.25


def assign_speakers(transcript: Transcript, turns: Sequence[SpeakerTurn]) -> Transcript:
    """Return the transcript with a speaker for each word and segment; a segment of two speakers is split."""
    if not turns:
        return transcript
    segments: list[Segment] = []
    for segment in transcript.segments:
        words = _smooth_speakers(_correct_late_border(_assign_words(segment.words, turns), turns))
        runs = [list(run) for _, run in itertools.groupby(words, key=lambda w: w.speaker)]
        if len(runs) == 1:
            segments.append(replace(segment, words=tuple(words), speaker=words[0].speaker))
        for run in runs if len(runs) > 1 else []:
            text = " ".join(word.text for word in run)
            times = run[0].start_s, run[-1].end_s
            segments.append(
                replace(segment, start_s=times[0], end_s=times[1], text=text, words=tuple(run), speaker=run[0].speaker)
            )
        if not words:
            segments.append(segment)
    return replace(transcript, segments=tuple(segments))


def _assign_words(words: Sequence[Word], turns: Sequence[SpeakerTurn]) -> list[Word]:
    """Return words with the speaker of most of their time; where speakers overlap, the one with most other words."""
    if not words:
        return []
    near = [t for t in turns if t.end_s > words[0].start_s - 2 * _NEAR_S and t.start_s < words[-1].end_s + 2 * _NEAR_S]
    candidates = [_candidate_speakers(word, near) for word in words]
    unambiguous = Counter(speakers[0] for speakers in candidates if len(speakers) == 1)
    return [
        replace(word, speaker=max(speakers, key=lambda speaker: unambiguous[speaker]) if speakers else None)
        for word, speakers in zip(words, candidates, strict=True)
    ]


def _candidate_speakers(word: Word, turns: Sequence[SpeakerTurn]) -> list[str]:
    """Return the speakers with (nearly) most of the word's time; else the nearest; else none."""
    shares: dict[str, float] = defaultdict(float)
    for turn in turns:
        shares[turn.speaker] += max(0.0, min(turn.end_s, word.end_s) - max(turn.start_s, word.start_s))
    if not turns:
        return []
    most = max(shares.values())
    if most > 0:
        return [speaker for speaker, share in shares.items() if share >= 0.9 * most]
    gap_s, speaker = min((max(t.start_s - word.end_s, word.start_s - t.end_s), t.speaker) for t in turns)
    return [speaker] if gap_s <= _NEAR_S else []


def _correct_late_border(words: list[Word], turns: Sequence[SpeakerTurn]) -> list[Word]:
    """Return a sentence's words with its first ones given to the speaker of the next, where a border seems late."""
    runs = [list(run) for _, run in itertools.groupby(words, key=lambda w: w.speaker)]
    if len(runs) < 2 or not len(runs[0]) <= min(_LATE_WORDS, len(runs[1])) or len(runs[0]) + len(runs[1]) < 3:
        return words
    (first, second), start_s = runs[:2], words[0].start_s
    goes_on = any(
        t.speaker == first[0].speaker and t.start_s < start_s - _NEAR_S and start_s < t.end_s <= second[0].end_s
        for t in turns
    )
    if not goes_on or second[0].start_s - first[-1].end_s >= _PAUSE_S:
        return words
    return [replace(word, speaker=second[0].speaker) for word in first] + words[len(first) :]


def _smooth_speakers(words: list[Word]) -> list[Word]:
    """Return words in which a stray word between two runs of one speaker belongs to that speaker."""
    runs = [list(run) for _, run in itertools.groupby(words, key=lambda w: w.speaker)]
    for before, run, after in zip(runs[:-2], runs[1:-1], runs[2:], strict=True):
        if len(run) <= _STRAY_WORDS and before[0].speaker == after[0].speaker:
            run[:] = [replace(word, speaker=before[0].speaker) for word in run]
    return [word for run in runs for word in run]
