"""The people whose recordings fitted what ships (``fitted_on.toml``), so that benchmarks can leave them out."""

from __future__ import annotations

import functools
import tomllib
from importlib.resources import files
from typing import Literal, NamedTuple


class Fitted(NamedTuple):
    """A head or a set of constants, and the people on whom it was fitted.

    Attributes:
        what: its file, or in words.
        kind: a trained ``head``, or ``constants``.
        corpus: the recordings.
        speakers: of the corpus, by their names there; a clip's name where each clip shows another person.
    """

    what: str
    kind: Literal["head", "constants"]
    corpus: str
    speakers: frozenset[str]


@functools.cache
def fitted() -> tuple[Fitted, ...]:
    """Return all heads and constants that were fitted on recordings of people."""
    rows = tomllib.loads(files("omnisense.perception").joinpath("fitted_on.toml").read_text("utf-8"))["fitted"]
    return tuple(Fitted(row["what"], row["kind"], row["corpus"], frozenset(row["speakers"])) for row in rows)


def training_speakers(corpus: str) -> frozenset[str]:
    """Return the speakers of a corpus on whom a head was trained."""
    return frozenset().union(*(f.speakers for f in fitted() if f.corpus == corpus and f.kind == "head"))
