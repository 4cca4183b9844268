"""Audio events: overlapping speech, interruptions, laughter-like bursts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from omnisense.perception.types import AudioEvent, AudioEventKind, SpeakerTurn

_MIN_OVERLAP_S = 0.2  # less is how people take turns (Stivers et al., PNAS 2009: gaps of 0 to 200 ms)
_MAX_YIELD_S = 1.0  # an interrupted speaker falls silent within this
_MIN_CONTINUE_S = 1.0  # and the one who interrupts speaks on for at least this long; less is a "mhm"

# Laughter: calls of voice four to five a second, even, well above the pitch of the same person's speech (Bachorowski et
# al., "The acoustic features of human laughter", JASA 2001: 4.4 calls a second; pitch about twice that of speech).
_CALL_GAP_S = (0.13, 0.33)
_MIN_CALLS = 5
_MAX_UNEVENNESS = 0.25  # standard deviation over mean of the gaps
_CALL_DB = 6.0
_ABOVE_SPEECH_ST = 5.0


def detect_overlaps(turns: Sequence[SpeakerTurn]) -> Iterator[AudioEvent]:
    """Yield intervals in which two speakers speak at once; an interruption where one takes over from the other.

    Args:
        turns: in order of time.
    """
    for i, first in enumerate(turns):
        for second in turns[i + 1 :]:
            if second.start_s >= first.end_s:
                break
            shared_s = min(first.end_s, second.end_s) - second.start_s
            if second.speaker == first.speaker or shared_s < _MIN_OVERLAP_S:
                continue
            takes_over = second.end_s - first.end_s >= _MIN_CONTINUE_S and shared_s <= _MAX_YIELD_S
            began_before = second.start_s - first.start_s >= _MIN_OVERLAP_S
            kind: AudioEventKind = "interruption" if takes_over and began_before else "overlap"
            end_s = round(second.start_s + shared_s, 3)
            yield AudioEvent(second.start_s, end_s, kind, (second.speaker, first.speaker))


def detect_laughter(
    time_s: np.ndarray, level_db: np.ndarray, f0_hz: np.ndarray, usual_f0_hz: float | None
) -> Iterator[AudioEvent]:
    """Yield runs of even, high calls.

    Args:
        time_s: (F,) of frames, 16 ms apart.
        level_db: (F,) loudness.
        f0_hz: (F,) pitch; NaN where unvoiced.
        usual_f0_hz: the median pitch of the speech; nothing is detected without it.
    """
    from scipy.ndimage import uniform_filter1d
    from scipy.signal import find_peaks

    if usual_f0_hz is None or len(time_s) < 32:
        return
    peaks, _ = find_peaks(uniform_filter1d(level_db, 3), prominence=_CALL_DB)
    high = 12 * np.log2(np.nan_to_num(f0_hz, nan=1.0) / usual_f0_hz) >= _ABOVE_SPEECH_ST
    calls = [int(p) for p in peaks if high[max(p - 2, 0) : p + 3].any()]
    run: list[int] = []
    for call in [*calls, -1]:
        gap_s = time_s[call] - time_s[run[-1]] if run and call >= 0 else 0.0
        if run and call >= 0 and _CALL_GAP_S[0] <= gap_s <= _CALL_GAP_S[1]:
            run.append(call)
            continue
        if len(run) >= _MIN_CALLS:
            gaps = np.diff(time_s[run])
            unevenness = float(gaps.std() / gaps.mean())
            if unevenness <= _MAX_UNEVENNESS:
                start_s, end_s = float(time_s[run[0]]) - 0.08, float(time_s[run[-1]]) + 0.08
                strength = round(1 - unevenness / _MAX_UNEVENNESS / 2, 2)
                yield AudioEvent(round(max(start_s, 0.0), 3), round(end_s, 3), "laughter-like", (), strength)
        run = [call] if call >= 0 else []
