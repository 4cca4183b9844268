"""The report on trust, from the measurements that there are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from omnisense.benchmarks.trust.risk import TARGETS
from omnisense.version import __version__


def render(found: Mapping[str, Any]) -> str:
    """Return the report as Markdown.

    Args:
        found: what each part measured, by its name; parts that no run measured are left out, and the report says so.
    """
    sections: dict[str, Callable[[Mapping[str, Any]], str]] = {
        "perception": _perception,
        "attacks": _attacks,
        "media": _media,
        "risk": _risk,
        "chat": _chat,
        "concurrent": _concurrent,
        "restarts": _restarts,
        "growth": _growth,
        "writes": _writes,
        "perceive": _perceive,
        "eval": _evaluations,
        "annotate": _annotations,
        "pull": _pulls,
        "train": _training,
        "turns": _turns,
    }
    parts = [write(found[name]) for name, write in sections.items() if name in found]
    left_out = ", ".join(name for name in sections if name not in found)
    note = f"\nNot measured: {left_out}.\n" if left_out else ""
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
    ("voices, emotional conversations", "der"): "at most 0.25",
    ("tone of unheard speakers", "uar"): "at least 0.75",
    ("tone of unheard speakers", "said a feeling"): "at most 15%",
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
        f"| {counts.get('skipped', 0)} | {', '.join(f'`tests/{file}`' for file in counts['files'])} |"
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
    names = dict.fromkeys(name for column in found.values() for name in column)
    rows = "\n".join(
        f"| {name} | {TARGETS.get(name, '')} | {' | '.join(str(one.get(name, '-')) for one in found.values())} |"
        for name in names
    )
    return (
        "## The safety gate on unseen sentences\n\nThe latest set, and the everyday messages, were written by "
        "somebody who had not seen the gate or what it was made from, and were read once by the gate that had been "
        "made without them. For each other column the heads were fitted without the sentences of that set; near copies "
        "of other sentences do not count. Thresholds were chosen on these, and patterns and sentences to fit on were "
        "added after errors in them had been seen: they flatter the gate. "
        "[risk.md](../../reasoning/safety/risk.md) has the rest, and what the gate misses.\n\n"
        f"| measure | target | {' | '.join(found)} |\n| --- | --- |{' --- |' * len(found)}\n{rows}\n"
    )


def _chat(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed conversations\n\n{found['kills']} processes were killed while they talked in one thread "
        f"(SQLite): of {found['turns that returned']} turns that had returned, {found['lost']} were lost, "
        f"{found['doubled']} doubled, and their order was {'changed' if found['out of order'] else 'kept'}.\n"
    )


def _concurrent(found: Mapping[str, Any]) -> str:
    lines = [
        f"- {where}: {one['workers']} agents at once, {one['turns that returned']} turns returned, {one['lost']} lost, "
        f"{one['doubled']} doubled."
        for where, one in found.items()
    ]
    return "## Concurrent turns of one thread\n\n" + "\n".join(lines) + "\n"


def _restarts(found: Mapping[str, Any]) -> str:
    crashes, kills = found["crashes"], found["kills"]
    other = sum(crashes["turns with another error"].values())
    return (
        "## Postgres that crashes, and killed conversations in it\n\nEight agents took "
        f"{crashes['turns']} turns in one thread, with NUL and half a surrogate pair in each, while the server crashed "
        f"and started again {crashes['crashes']} times: {crashes['turns that returned']} returned, "
        f"{crashes['turns with an error that names a remedy']} raised an error that names its remedy, {other} another; "
        f"of those that returned {crashes['lost']} were lost, and {crashes['doubled']} were doubled. Of "
        f"{kills['turns that returned']} turns that had returned in {kills['kills']} processes which were killed while "
        f"they talked, {kills['lost']} were lost and {kills['doubled']} doubled.\n"
    )


def _growth(found: Mapping[str, Any]) -> str:
    first, last = found["CPU ms a turn"]
    return (
        f"## A long conversation\n\n{found['turns']} turns of one thread in SQLite: {found['file (MB)']} MB; {first} "
        f"ms of CPU time a turn at first and {last} ms at the end (scripted policy).\n"
    )


def _training(found: Mapping[str, Any]) -> str:
    return (
        f"## Killed training\n\nRuns of GRPO on a tiny omni model, of {found['steps of a run']} steps "
        f"({found['with a gradient']} with a gradient) with a checkpoint at each, were killed {found['kills']} times "
        f"and started again, {found['kills while starting']} times while they started, the others at random after "
        f"their next checkpoint, until {found['runs']} had ended: {found['with other weights']} of these have other "
        f"weights than a run that nothing stopped, {found['with another log']} another log (steps, losses, gradients, "
        f"rewards); {found['steps begun again']} kills lost a complete checkpoint.\n"
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
