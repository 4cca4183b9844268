"""Emergency numbers and help lines by country (``help_lines.toml``)."""

from __future__ import annotations

import functools
import tomllib
from dataclasses import dataclass
from pathlib import Path

from omnisense.errors import InputError

_INTERNATIONAL = "international"


@dataclass(frozen=True)
class HelpLines:
    """Whom to call in a country.

    Attributes:
        emergency: the emergency number.
        crisis: a line for somebody in a crisis, with its number.
        abuse: a line for violence at home, with its number.
        sources: the pages of those who run the lines.
    """

    emergency: str
    crisis: str
    abuse: str
    sources: tuple[str, ...] = ()


def help_lines(country: str = "") -> HelpLines:
    """Return whom to call in a country.

    Args:
        country: ISO 3166 code of two letters ("US", "DE"); empty for an international answer.

    Raises:
        InputError: no help lines are listed for this country.
    """
    known = _countries()
    name = country.upper() or _INTERNATIONAL
    if country and name not in known:
        raise InputError(
            f"no help lines are listed for the country '{country}'",
            f"Use one of {', '.join(code for code in known if code != _INTERNATIONAL)}, or none.",
        )
    return known[name]


@functools.lru_cache(maxsize=1)
def _countries() -> dict[str, HelpLines]:
    tables = tomllib.loads(Path(__file__).with_name("help_lines.toml").read_text("utf-8"))
    default = tables[_INTERNATIONAL]
    return {
        code: HelpLines(row["emergency"], row["crisis"], row.get("abuse", default["abuse"]), tuple(row["sources"]))
        for code, row in tables.items()
    }
