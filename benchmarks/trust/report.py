"""The report on trust, from the measurements that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from omnisense.benchmarks.trust.attacks import ATTACKS
from omnisense.benchmarks.trust.risk import SETS, TARGETS
from omnisense.version import __version__


def render(found: Mapping[str, Any]) -> str:
    """Return the report as Markdown.

    Args:
        found: what each part measured, by its name; parts that were not run are left out, and the report says so.
    """
    sections: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "perception": _perception,
        "attacks": _attacks,
        "media": _media,
        "risk": _risk,
        "chat": _chat,
        "writes": _writes,
        "perceive": _perceive,
        "eval": _evaluations,
        "annotate": _annotations,
        "pull": _pulls,
        "turns": _turns,
    }
    parts = [write(found[name]) for name, write in sections.items() if name in found]
    left_out = ", ".join(name for name in sections if name not in found)
    note = f"\nNot measured in this run: {left_out}.\n" if left_out else ""
    return (
        f"# Trust\n\nMade by `python -m omnisense.benchmarks.trust` with OmniSense {__version__}.\n"
        f"{note}\n" + "\n".join(parts)
    )


# What was aimed at, by the measure and the end of a figure's name.
_TARGETS = {
    ("who is talking", "rows that agree with the segments"): "95%",
    ("who is talking", "unseen voices found"): "80%",
    ("who is talking", "one at a time, right"): "0.97",
    ("voices, AMI", "both, no collar"): "at most 0.35",
    ("neutral faces", "called negative"): "at most 20%",
    ("language", "language right"): "95%",
    ("language", "quoted in English"): "0 unless English",
}


def _perception(found: Mapping[str, Any]) -> str:
    lines = [(name, figure) for name, value in found.items() for figure in _figures(value)]
    rows = "\n".join(f"| {name} | {figure} | {_target(name, figure)} |" for name, figure in lines)
    return (
        "## Perception\n\nAs `python -m omnisense.benchmarks.perception` measured it; what the figures mean is in "
        f"[perception.md](perception.md).\n\n| measure | figure | target |\n| --- | --- | --- |\n{rows}\n"
    )


def _target(name: str, figure: str) -> str:
    title = figure.partition(":")[0]
    return next((target for (of, part), target in _TARGETS.items() if of == name and title.endswith(part)), "")


def _figures(value: Any, name: str = "") -> Iterator[str]:
    """Yield the figures in nested dictionaries as lines: ``clean, uar: 0.84``."""
    if not isinstance(value, Mapping):
        if isinstance(value, int | float | str) and "took s" not in name:
            yield f"{name}: {value}"
        return
    for key, inner in value.items():
        yield from _figures(inner, f"{name}, {key}" if name else str(key))


def _attacks(found: Mapping[str, Any]) -> str:
    rows = [
        f"| {name} | {counts.get('passed', 0)} | {counts.get('failed', 0) + counts.get('errors', 0)} "
        f"| {counts.get('skipped', 0)} | {', '.join(f'`tests/{file}`' for file in ATTACKS.get(name, ()))} |"
        for name, counts in found.items()
    ]
    head = "## Attacks\n\n| attack | tests passed | failed | not run | tests |\n| --- | --- | --- | --- | --- |\n"
    return head + "\n".join(rows) + "\n"


def _media(found: Mapping[str, Any]) -> str:
    rows = "\n".join(f"| {outcome} | {count} |" for outcome, count in sorted(found["outcomes"].items()))
    odd = "".join(f"\n- {line}" for line in found["odd"])
    return (
        f"## Damaged media\n\n{found['files']} files, made from {', '.join(found['sources'])} by changing bytes, "
        "headers and numbers, cutting, overwriting, moving and joining; each is opened and decoded whole in another "
        "process, with a limit of 60 s beyond its duration.\n\n"
        f"| outcome | files |\n| --- | --- |\n{rows}\n{odd}\n"
    )


def _risk(found: Mapping[str, Any]) -> str:
    first, second = found[SETS["unseen"]], found[SETS["second-unseen"]]
    rows = "\n".join(f"| {name} | {TARGETS.get(name, '')} | {first[name]} | {second[name]} |" for name in first)
    return (
        "## The safety gate on unseen sentences\n\nWritten apart from those that it was made from, half of them "
        "risks and half hard negatives. The first set was written before patterns of grief, small injuries, stories "
        "and long ago were added; the second is the half that was kept aside of a set whose other half these were "
        "written against. Patterns in Spanish, French and German were widened by sentences of both that had been "
        "missed: those rows are no longer unseen. [risk.md](../../reasoning/safety/risk.md) has the rest, and what it "
        "misses.\n\n"
        f"| measure | target | first set | second set |\n| --- | --- | --- | --- |\n{rows}\n"
    )


def _chat(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed conversations\n\n{found['kills']} processes were killed while they talked in one thread "
        f"(SQLite): of {found['turns that returned']} turns that had returned, {found['lost']} were lost, "
        f"{found['doubled']} doubled, and their order was {'changed' if found['out of order'] else 'kept'}.\n"
    )


def _writes(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed writers\n\n{found['kills']} processes were killed while they wrote a file of 4 MB as "
        f"`perceive --output` and the cache do: {found['damaged']} times it was damaged; {found['left over']} part "
        "files were left after the next write.\n"
    )


def _perceive(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed `perceive --output`\n\n{found['kills']} processes were killed while they wrote a clip's percepts, "
        f"its timeline and the picture of it again and again: {found['damaged']} times one of the files was damaged.\n"
    )


def _evaluations(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed evaluations\n\n{found['kills']} processes were killed while they asked 300 questions, every other "
        f"one with two workers, over {found['runs']} runs that were then finished: "
        f"{found['with lost or doubled answers']} of these had a lost, doubled or changed answer.\n"
    )


def _annotations(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed annotations\n\n{found['kills']} processes were killed while they annotated 60 images, over "
        f"{found['runs']} runs that were then finished: {found['with lost or doubled rows']} of these differed from "
        "one that nothing stopped.\n"
    )


def _pulls(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed model fetches\n\n{found['kills']} processes were killed while they fetched a model again and "
        f"again: {found['damaged']} times its file was damaged; {found['left over']} part folders were there after the "
        "next fetch.\n"
    )


def _turns(found: Mapping[str, Any]) -> str:
    first, last = found["after a fifth"], found["at the end"]
    rows = "\n".join(f"| {name} | {first[name]} | {last[name]} |" for name in last)
    return (
        f"## {found['turns']:,} turns in one process\n\nTurns of text by a leading policy that answers "
        "from a script.\n\n"
        f"| | after a fifth | at the end |\n| --- | --- | --- |\n{rows}\n"
    )
