"""Results of single clips, kept in a file: a measurement that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import omnisense.perception

_T = TypeVar("_T")


class Progress:
    """The results of one measurement, by key, in JSON Lines.

    Args:
        path: of the file; None keeps the results in memory only.
        version: of what is measured; results of another version are dropped.
    """

    def __init__(self, path: Path | None = None, version: str = "") -> None:
        self._path = path
        self._known: dict[str, object] = {}
        if path and path.is_file():
            whole = path.read_text().rpartition("\n")[0]  # a kill can tear the last line
            path.write_text(whole + "\n" if whole else "")
            lines = [json.loads(line) for line in whole.splitlines()]
            if lines and lines[0] == {"version": version}:
                self._known = {line["key"]: line["value"] for line in lines[1:]}
        if path and not self._known:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps({"version": version}) + "\n")

    def get(self, key: str, compute: Callable[[], _T]) -> _T:
        """Return the result of a key, computed unless it is known; it must be what JSON gives back."""
        if key not in self._known:
            value = self._known[key] = compute()
            if self._path:
                with self._path.open("a") as file:
                    file.write(json.dumps({"key": key, "value": value}) + "\n")
        return self._known[key]  # type: ignore[return-value]

    def finish(self) -> None:
        """Forget the results: the next run measures again."""
        if self._path:
            self._path.unlink(missing_ok=True)


def source_version() -> str:
    """Return a hash of the source code of perception and of its benchmarks."""
    root = Path(omnisense.perception.__file__).parent
    files = sorted([*root.rglob("*.py"), *Path(__file__).parent.glob("*.py")])
    return hashlib.sha256(b"".join(file.read_bytes() for file in files)).hexdigest()[:12]
