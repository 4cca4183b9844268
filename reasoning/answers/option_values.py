"""Options that are numbers, or begin with yes or no, and what a reply says of them without naming them."""

from __future__ import annotations

import re
from collections.abc import Container

from omnisense.reasoning.answers.mentions import NOTHING
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.option_counts import counted_option
from omnisense.reasoning.answers.option_marks import option_texts
from omnisense.reasoning.answers.parse_yes_no import read_yes_no

YES_OR_NO_FIRST = re.compile(r"\W*(?:yes|no)\b", re.IGNORECASE)
_AS_YES_OR_NO = {"true": "yes", "false": "no"}


def by_value(text: str, options: tuple[str, ...], denied: Container[str] = ()) -> Reading:
    """Read a reply that gives a number where the options are numbers, or says yes where one begins with it."""
    if counted := counted_option(text, options):
        return Reading(counted, "the option's number")
    words = (text.split(" ", 1)[0] for text in option_texts(options))
    opening = {chr(65 + i): _AS_YES_OR_NO.get(word, word) for i, word in enumerate(words)}
    if {"yes", "no"} <= set(opening.values()) and (said := read_yes_no(text).value):
        fitting = [letter for letter, word in opening.items() if word == said and letter not in denied]
        if len(fitting) == 1:
            return Reading(fitting[0], "the option's yes or no")
    return Reading("", NOTHING)


def unless_opposite(reading: Reading, text: str, options: tuple[str, ...]) -> Reading:
    """Return a reading, but none of an option that begins with yes where the reply begins with no, or the reverse."""
    first = YES_OR_NO_FIRST.match(text)
    if first is None or not reading.value:
        return reading
    said, own = first[0].strip().lower(), option_texts(options)[ord(reading.value) - 65].partition(" ")[0]
    is_opposite = own in ("yes", "no") and not said.endswith(own)
    return Reading("", "it says the opposite first") if is_opposite else reading
