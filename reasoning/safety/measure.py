"""Write the card of the safety gate: ``python -m omnisense.reasoning.safety.measure [--unseen FILE --name NAME]``.

With a file of sentences that the gate was not made with, it is measured on them first. Their figures are kept in
``first_runs.json``: they are those of the gate that had not seen them, and are not measured again. Each line of the
file is JSON: ``text``, ``label`` (none, distress, risk or imminent), ``kind`` (explicit, implied or negative) and
``language`` (en, es, fr or de); by default negative, and en. No sentence is printed. What
:mod:`omnisense.reasoning.safety.validate` wrote is shown beside them.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from omnisense.errors import InputError, ModelError, OmniSenseError
from omnisense.files import write_atomically
from omnisense.perception.emotion.reliability import reliability_table
from omnisense.perception.emotion.text import EMBEDDING
from omnisense.reasoning.loop import safety
from omnisense.reasoning.safety.heads import DOUBT, FOLDER, read_sentences
from omnisense.reasoning.safety.validate import VALIDATION, Read, figures, share
from omnisense.reasoning.search import find_embedder

FIRST_RUNS = FOLDER / "first_runs.json"
_STYLES = {"es": "spanish", "fr": "french", "de": "german"}


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unseen", type=Path, help="a file of sentences that the gate was not made with")
    parser.add_argument("--name", help="of the file's set")
    given = parser.parse_args()
    try:
        if given.unseen:
            _keep(given.name or given.unseen.stem, measure(given.unseen))
        write_atomically(FOLDER / "risk.md", card())
    except OmniSenseError as error:
        print(error, file=sys.stderr)
        sys.exit(2)
    print(f"written: {FOLDER / 'risk.md'}")


def measure(file: Path) -> dict[str, Any]:
    """Return the figures of the gate on a file of unseen sentences.

    Raises:
        InputError: the file cannot be read.
        ModelError: the sentence embedding is not on this machine.
    """
    if find_embedder() is None:
        raise ModelError(f"'{EMBEDDING}' is not here", f"Run `omnisense models pull {EMBEDDING}`.")
    try:
        rows = [json.loads(line) for line in file.read_text("utf-8").splitlines() if line.strip()]
        read = [_read(row) for row in rows]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"it has no such sentences ({error!r})", "See `--help` for the format.", file) from error
    ordinary = share(one.alarm for one in read if one.row["grade"] == "none")
    return {"sentences": len(read), **figures(read), "ordinary sentences that raise an alarm": ordinary}


def _read(row: Mapping[str, str]) -> Read:
    finding = safety.check_input(row["text"])
    style = _STYLES.get(row.get("language", "en"), row.get("kind", "negative"))
    read = {"text": row["text"], "grade": row["label"], "style": style}
    return Read(read, finding.escalate, finding.grade, finding.doubtful)


def _keep(name: str, found: dict[str, Any]) -> None:
    runs = first_runs()
    if name in runs:
        raise InputError(f"the set '{name}' was measured before", "A set is unseen once.", FIRST_RUNS)
    write_atomically(FIRST_RUNS, json.dumps({**runs, name: found}, indent=1) + "\n")
    print(json.dumps(found, indent=1))


def first_runs() -> dict[str, dict[str, Any]]:
    """Return the figures of sets when the gate had not seen them, by name; the latest last."""
    found: dict[str, dict[str, Any]] = json.loads(FIRST_RUNS.read_text("utf-8"))
    return found


def left_out() -> dict[str, dict[str, Any]]:
    """Return the figures of each source by heads that were fitted without it."""
    found: dict[str, dict[str, Any]] = json.loads(VALIDATION.read_text("utf-8"))["sources"]
    return found


def _reliability() -> str:
    """Return the reliability diagrams of the heads on the sentences of the sources left out, as Markdown tables."""
    found = json.loads(VALIDATION.read_text("utf-8"))["reliability"]
    return "\n\n".join(f"`{name}`:\n\n{reliability_table(diagram)}" for name, diagram in found.items())


def card() -> str:
    """Return the card."""
    runs, validated = first_runs(), left_out()
    return (FOLDER / "card.md").read_text("utf-8").format(
        risk_from=safety.RISK_FROM,
        concern_from=safety.CONCERN_FROM,
        sure_from=safety.SURE_FROM,
        harm_from=safety.HARM_FROM,
        sentences=len(read_sentences("sentences.csv")),
        replies=len(read_sentences("replies.csv")),
        reliability=_reliability(),
        **_table("unseen", runs),
        **_table("left_out", validated),
        doubt_from=DOUBT[0],
        doubt_to=DOUBT[1],
    )  # fmt: skip


def _table(prefix: str, columns: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    names = dict.fromkeys(name for column in columns.values() for name in column)
    rows = [f"| {name} | " + " | ".join(str(c.get(name, "-")) for c in columns.values()) + " |" for name in names]
    return {
        f"{prefix}_heads": " | ".join(columns),
        f"{prefix}_rules": " --- |" * len(columns),
        f"{prefix}_rows": "\n".join(rows),
    }


if __name__ == "__main__":
    main()
