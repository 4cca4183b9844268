"""The authors' scoring of OmniBench, read from their ``inference/answer_parsing.py``, which follows MMMU's.

A reply's answer is sought in this order: letters in brackets, letters before a space, letters before a full stop, and,
in replies of more than five words, the options' texts. Of several that are found, the one that stands last counts; a
letter counts as last only where it stands alone between spaces. Letters are those from A to D, in upper case, inside
words too: ``DNA test`` holds an A before a space. Options' texts are compared as the data has them, double spaces
included. Where nothing is found, the script that asks the models (``demo_api_call.py``) guesses at random: the score is
then the guess's expectation, one in four, and the report says how many replies that concerns.

The script that scores result files (``calculate_metrics.py``) counts such replies as wrong, and reads the right letter
from the text of the right option by the same rules: one that begins with the article A counts as option A, and a short
one stops the script. The report gives the accuracy by these letters too, and how many of them are not the right ones.
"""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.records import Record
from omnisense.benchmarks.harness.suite import OfficialMetric, OfficialRun

_LETTERS = "ABCD"
_AS_PUBLISHED = "the image as media, the sound as media"
_LONG_REPLY = 5  # words; only in longer replies are the options' texts sought


def official_score(sample: Sample, reply: str, think: bool) -> float:
    """Return the authors' score of a reply; ``think`` has no effect."""
    return score_reply(reply, sample.row["options"], sample.gold)


def letter_of(reply: str, options: Sequence[str]) -> str:
    """Return the letter that is read from a reply; empty where the scorer would guess.

    Args:
        reply: as it came.
        options: the four options, without their letters.
    """
    text = f" {reply} "
    for form in ("({})", "{} ", "{}."):
        found = [letter for letter in _LETTERS if form.format(letter) in text]
        if found:
            # Only letters in brackets are compared by where these stand; a single one needs no comparison.
            at = "({})" if form == "({})" else " {} "
            return found[0] if len(found) == 1 else _last(found, [text.rfind(at.format(x)) for x in found])
    if len(text.split()) <= _LONG_REPLY:
        return ""
    lowered = text.lower()
    found = [letter for letter, option in zip(_LETTERS, options, strict=True) if option.lower() in lowered]
    if not found:
        return ""
    places = [lowered.rfind(options[_LETTERS.index(letter)].lower()) for letter in found]
    return found[0] if len(found) == 1 else _last(found, places)


def _last(letters: Sequence[str], places: Sequence[int]) -> str:
    return letters[places.index(max(places))]


def score_reply(reply: str, options: Sequence[str], gold: str) -> float:
    """Return the authors' score of a reply; a quarter where they would guess.

    Args:
        reply: as it came.
        options: the four options, without their letters.
        gold: the right letter.
    """
    letter = letter_of(reply, options)
    return float(letter == gold) if letter else 1 / len(_LETTERS)


def score_run(records: Sequence[Record], is_complete: bool) -> OfficialRun:
    """Return how many replies the authors would guess for, and the accuracies if those counted as wrong."""
    answered = [record for record in records if record.status == "answered"]
    if not answered:
        return OfficialRun({}, [])
    given = [letter_of(record.reply, _options(record)) for record in answered]
    golds = [letter_of(str(record.row["answer"]), _options(record)) for record in answered]
    right = sum(letter == record.gold for letter, record in zip(given, answered, strict=True))
    stated = sum(bool(letter) and letter == gold for letter, gold in zip(given, golds, strict=True))
    other = sum(gold != record.gold for gold, record in zip(golds, answered, strict=True))
    n = len(answered)
    given_as = sorted({f"the image as {r.row.get('image')}, the sound as {r.row.get('sound')}" for r in answered})
    ablated = [] if given_as == [_AS_PUBLISHED] else given_as
    return OfficialRun(
        {},
        [
            OfficialMetric("replies that the authors would guess for", given.count("") / n,
                           f"{given.count('')} of {n} replies"),
            OfficialMetric("accuracy, those counted as wrong", right / n),
            OfficialMetric("accuracy by the letters that calculate_metrics.py reads from the right answers", stated / n,
                           f"{other} of {n} letters are not the right option's"),
        ],
        [f"Given were {' and '.join(ablated)}; the published figure is with both as media."] if ablated else [],
    )  # fmt: skip


def _options(record: Record) -> list[str]:
    return [str(option) for option in record.row["options"]]
