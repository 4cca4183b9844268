"""Replies to questions about the world: sums are worked out, all else is honestly declined, by its name."""

from __future__ import annotations

import re

from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, say, upper
from omnisense.reasoning.loop.guided.phrases import Picker, phrases
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.rewording import how_to, indirect_question, quoted

_NOW = re.compile(
    r"\b(rain|snow|tomorrow|time is it|what day|date is|right now|weather|today|currently|news)\b", re.IGNORECASE
)
STAIN = re.compile(
    r"(?!.*\b(?:wax|dye)\b)\b(?:stains?|wine|ink|grease|blood|tea|coffee|sauce)\b.*\b(?:out|off|from|carpet"
    r"|shirt|dress|sofa)\b",
    re.I,
)
# Whole numbers only: of "7.5%", "5%" is no part of its own.
_SHARE = re.compile(r"(?<![\d.,])(\d{1,3}) ?(?:%|per ?cent) of [£$€]?(\d{1,9})(?![\d%]|[.,]\d)", re.IGNORECASE)
_SUM = re.compile(
    r"(?:^\W*|\b(?:what(?:'s|s| is| are)|how much (?:is|are)|calculate|work out|add up)\s+)"
    r"(\d{1,9})\s*(plus|minus|times|[-+*x])\s*(\d{1,9})(?![\d%]|[.,]\d)(?=\s*(?:=|\W*$|please\b|again\b))",
    re.IGNORECASE,
)


def answer_fact(_: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to a question about the world, or how to do something."""
    if reading.act.name == "clip":  # and there is none
        return Composed(join(say("fact", picker, "unseen"), say("fact", picker, "unseen_ask")), "fact: not shown")
    asked = reading.asked or reading.text
    if worked_out := _work_out(asked):
        return Composed(worked_out, "fact: worked out")
    if _NOW.search(asked):
        return Composed(say("fact", picker, "now"), "fact: declined")
    if (steps := how_to(asked)) and STAIN.search(asked):
        return Composed(join(f"How to {steps}:", say("help", picker, "stain")), "help: stain")
    if steps:
        return Composed(picker.pick(phrases()["fact"]["how"], "how", asked=steps), "fact: how to")
    if reading.asked and (named := indirect_question(asked) or quoted(asked)):
        said = picker.pick(phrases()["fact"]["named"], "fact", asked=named, Asked=upper(named))
        return Composed(said, "fact: declined by name")
    return Composed(say("fact", picker), "fact: declined")


def _work_out(question: str) -> str:
    """Return the answer to a sum of two whole numbers, or a percentage; empty where none is asked for.

    "10-15 people" is a range, and "3 times 4 days" no sum by itself: only "what is", or nothing, stands before a sum.
    """
    if share := _SHARE.search(question):
        return f"That is {int(share[1]) * int(share[2]) / 100:,.10g}."
    asked = _SUM.search(question)
    if not asked:
        return ""
    a, sign, b = int(asked[1]), asked[2].lower(), int(asked[3])
    result = a + b if sign in ("plus", "+") else a - b if sign in ("minus", "-") else a * b
    return f"That is {result:,}."
