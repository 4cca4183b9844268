"""Tables of labels beside recordings."""

from __future__ import annotations

import csv
from pathlib import Path

from omnisense.errors import InputError


def read_labels(path: Path) -> list[dict[str, str]]:
    """Return the rows of a ``labels.csv``.

    Raises:
        InputError: it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))
    except OSError as error:
        raise InputError(
            f"the labels cannot be read ({error.strerror})", "Give the data set's folder.", path
        ) from error
