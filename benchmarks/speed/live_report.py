"""The table of the measurement of live conversation."""

from __future__ import annotations

import statistics
from collections.abc import Iterator, Sequence
from typing import Any

_LATE_S = 2.0  # an end that is found later than this counts as late
_SETS = (("", "tried on"), ("unseen ", "unseen"))


def as_table(report: dict[str, Any]) -> str:
    """Return the report as Markdown."""
    lines = [
        "Live conversation, by `python -m omnisense.benchmarks.speed.live DATA`: simulated time, in which work takes",
        f"the CPU time that this machine spends on it ({report['cpu_count']} cores); tiny.en, hibari-tts and",
        "ScriptedPolicy. The rule was set on eighty other synthesized turns and tried on the first sixty; the unseen",
        "ones were written after it: other sentences, pauses, pitches and recordings; the unseen backchannels were",
        "chosen without looking at the list that tells them. A turn is cut where the agent makes a sound before its",
        "end; silence cut into real speech is not among the sixty. The longest silence",
        "is 3 s, after words that cannot end a sentence. Silence begins with the event that tells a client to drop",
        "what it has not played; one that does not plays 0.12 s more.",
        "",
        f"| endpointing | turns | wrongly cut | later than {_LATE_S:g} s | not at all | median s | 90% within s |",
        "| --- | --- | --- | --- | --- | --- | --- |",
        *_endpointing_rows(report),
        "",
        "| kind of turn | set | turns | cut | cut by voice activity alone |",
        "| --- | --- | --- | --- | --- |",
        *_kinds(report),
        "",
        "| what | tried on | unseen |",
        "| --- | --- | --- |",
        *_barge_in(report),
    ]
    answered = _median([row["first_sound_s"] for row in report["default policy"]])
    lines += [
        "",
        f"End of speech to first sound with the default policy: median {answered} s of {len(report['default policy'])} "
        "turns.",
        "",
        "| latency, ScriptedPolicy, both sets | median s |",
        "| --- | --- |",
    ]
    latencies = [row["latency"] for before, _ in _SETS for row in report[f"{before}turns"] if row["latency"]]
    lines += [
        f"| {name} | {_median([row[name] for row in latencies])} |"
        for name in (latencies or [{}])[0]
        if name != "discarded"
    ]
    return "\n".join(lines) + "\n"


def _endpointing_rows(report: dict[str, Any]) -> Iterator[str]:
    for before, name in _SETS:
        rows = report[f"{before}turns"]
        yield f"| omnisense, {name} | {len(rows)} | {_endpointing(rows)} |"
        vad = _endpointing([row["vad_only"] for row in rows])
        yield f"| voice activity alone, 0.7 s, {name} | {len(rows)} | {vad} |"


def _kinds(report: dict[str, Any]) -> Iterator[str]:
    for before, name in _SETS:
        listed = [*report[f"{before}turns"], *report[f"{before}cut turns"]]  # the latter are not among the sixty
        for kind in dict.fromkeys(row["kind"] for row in listed):
            rows = [row for row in listed if row["kind"] == kind]
            by_vad = sum(row["vad_only"]["cut"] for row in rows)
            yield f"| {kind} | {name} | {len(rows)} | {sum(row['cut'] for row in rows)} | {by_vad} |"


def _barge_in(report: dict[str, Any]) -> Iterator[str]:
    columns = [_barge_in_of(report, before) for before, _ in _SETS]
    for name in columns[0]:
        yield f"| {name} | {columns[0][name]} | {columns[1][name]} |"


def _barge_in_of(report: dict[str, Any], before: str) -> dict[str, Any]:
    turns, cut = report[f"{before}turns"], report[f"{before}interruptions"]
    signs = report[f"{before}backchannels"]
    stopped = [row for row in cut if row["stopped"]]
    silent = [row["speech_to_silence_s"] for row in stopped]
    return {
        "end of speech to first sound, median s": _median([row["first_sound_s"] for row in turns]),
        "interruptions that stopped the agent": f"{len(stopped)} of {len(cut)}",
        "speech to silence, median s": _median(silent),
        "speech to silence, longest s": max(silent, default=None),
        "history within one word of what was played, by Whisper's word times": (
            f"{sum(row['words_apart'] <= 1 for row in stopped)} of {len(cut)}"
        ),
        "the same, by recognizing what was played": (
            f"{sum(row['words_apart_recognized'] <= 1 for row in stopped)} of {len(cut)}"
        ),
        "backchannels that did not stop the agent": f"{sum(row['goes_on'] for row in signs)} of {len(signs)}",
        "of these, it was silent for a moment": sum(row["goes_on"] and row["pauses"] > 0 for row in signs),
    }


def _endpointing(rows: Sequence[dict[str, Any]]) -> str:
    """Return wrongly cut turns, ends that came late or not at all, and median and 90% of the delays, as cells."""
    if not rows:
        return "| | | |"
    ends = [row["end_of_turn_s"] for row in rows if not row["cut"]]
    late = sum(end is not None and end > _LATE_S for end in ends)
    missed = sum(end is None for end in ends)
    cut = sum(row["cut"] for row in rows)
    known = sorted(end for end in ends if end is not None)
    most = known[min(len(known) - 1, round(0.9 * len(known)))] if known else None
    return f"{cut} ({cut / len(rows):.0%}) | {late} ({late / len(rows):.0%}) | {missed} | {_median(ends)} | {most}"


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return round(statistics.median(known), 3) if known else None
