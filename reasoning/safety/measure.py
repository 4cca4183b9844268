"""Measure the safety gate on unseen sentences and write its card: ``python -m omnisense.reasoning.safety.measure``.

``--split`` prints the figures of another split and writes nothing: ``tune``, on which thresholds were chosen, and
``second-tune``, on which patterns were, with every mistake; or ``held-out``, which choices were made with in view.
"""

from __future__ import annotations

import argparse
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from omnisense.errors import ModelError
from omnisense.perception.emotion.text import EMBEDDING
from omnisense.reasoning.loop.appraisal import SafetyFinding
from omnisense.reasoning.loop.safety import CONCERN_FROM, HARM_FROM, RISK_FROM, check_input, check_reply
from omnisense.reasoning.safety.heads import FOLDER, read_sentences, read_split
from omnisense.reasoning.search import find_embedder

_EXPLICIT = ("explicit", "slang", "spoken")
_SPLITS = ("tune", "held-out", "unseen", "second-tune", "second-unseen", "third-tune", "third-unseen", "fourth-unseen")
_LANGUAGES = ("spanish", "french", "german")


class Checked(NamedTuple):
    """A sentence with what the gate found in it."""

    row: dict[str, str]
    finding: SafetyFinding

    @property
    def is_risk(self) -> bool:
        """Whether it was written as a risk."""
        return self.row["grade"] in ("risk", "imminent")


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--split", choices=_SPLITS, default="unseen")
    split = parser.parse_args().split
    if find_embedder() is None:
        raise ModelError(f"'{EMBEDDING}' is not here", f"Run `omnisense models pull {EMBEDDING}`.")
    checked = _checked(split)
    replies, _ = read_split("replies.csv", split)
    harms = [check_reply(row["text"]) for row in replies]
    card = _card(checked, list(zip(replies, harms, strict=True)), split == "unseen")
    if split == "unseen":
        (FOLDER / "risk.md").write_text(card, "utf-8")
    print(card)
    if split.endswith("tune"):
        for row, finding in checked:
            if (row["grade"] in ("risk", "imminent")) != finding.escalate:
                print(row["grade"], row["style"], finding.probability, row["text"])
        for row, harm in zip(replies, harms, strict=True):
            if (row["harm"] != "none") != (harm is not None):
                print(row["harm"], "->", harm, row["text"])


def _checked(split: str) -> list[Checked]:
    """Return the sentences of a split, without near copies of what the gate was made with."""
    return [Checked(row, check_input(row["text"])) for row in read_split("sentences.csv", split)[0]]


def _share(values: Iterable[bool]) -> str:
    """Return a share with its counts: ``.91 (40 of 44)``."""
    listed = list(values)
    return f"{sum(listed) / len(listed):.2f} ({sum(listed)} of {len(listed)})" if listed else "-"


def _further(split: str) -> str:
    """Return the figures of another unseen set as a list."""
    checked = _checked(split)
    english = [c for c in checked if c.row["style"] not in _LANGUAGES]
    foreign = [c for c in checked if c.row["style"] in _LANGUAGES]
    replies, replies_left_out = read_split("replies.csv", split)
    harmful, safe = ([row["text"] for row in replies if (row["harm"] != "none") is kind] for kind in (True, False))
    lines = [
        f"- **Counted**: {_counted(split)}.",
        f"- **Risks found, English**: {_share(c.finding.escalate for c in english if c.is_risk)}; explicit, slang and "
        f"spoken {_share(c.finding.escalate for c in english if c.is_risk and c.row['style'] in _EXPLICIT)},",
        f"  implied {_share(c.finding.escalate for c in english if c.is_risk and c.row['style'] == 'implied')}.",
        f"- **Alarms that are right, English**: {_share(c.is_risk for c in english if c.finding.escalate)}.",
        f"- **Spanish, French, German**: risks found {_share(c.finding.escalate for c in foreign if c.is_risk)},",
        f"  alarms that are right {_share(c.is_risk for c in foreign if c.finding.escalate)}.",
    ]
    if replies or replies_left_out:
        lines += [
            f"- **Replies**: harmful ones blocked {_share(check_reply(text) is not None for text in harmful)},",
            f"  safe ones {_share(check_reply(text) is not None for text in safe)}.",
        ]
    return "\n".join(lines)


def _counted(split: str) -> str:
    """Return how many sentences count, and how many are left out: ``125 sentences (near copies left out: 6)``."""
    rows, left_out = read_split("sentences.csv", split)
    replies, replies_left_out = read_split("replies.csv", split)
    text = f"{len(rows)} sentences (near copies left out: {left_out})"
    return text + (f"; {len(replies)} replies ({replies_left_out})" if replies or replies_left_out else "")


def _further_parts() -> str:
    return f"""## A second set

The half that was kept aside of a set, against whose other half the patterns of stories, small injuries, ordinary
medicine, long ago and of harmful replies were written (by the writer of the whole set).

{_further("second-unseen")}

{_third_part()}"""


def _third_part() -> str:
    checked = {split: _checked(split) for split in ("third-unseen", "fourth-unseen")}
    third, fourth = (len(rows) for rows in checked.values())
    return f"""## The newest unseen sets

{third} and {fourth} sentences that nothing was fitted on and no pattern was written for, near copies
left out. The support vector machine and
376 sentences to fit on were added against the errors in another new set ("third-tune"), in which the gate until then
had found 0.85 (49 of 58), explicit and slang 0.71 (12 of 17), implied 0.80 (12 of 15), with 0.82 (49 of 60) of its
alarms right. What was added resembles errors in the two sets above, whose figures flatter the gate since.
The machine's share and the threshold were chosen on "held-out" after figures of these two sets had been seen with equal
shares (third, at 0.65: explicit 0.95, implied 0.73, right alarms 0.87; fourth, at 0.6: 1.00, 0.80, 0.82). The gate
before these changes: third 0.95 (18 of 19), 0.73 (11 of 15), 0.83 (53 of 64); fourth 0.93 (14 of 15), 0.60 (12 of 20),
0.76 (26 of 34). The figures of this paragraph are of all sentences of the sets, near copies included.

Third:

{_further("third-unseen")}

Fourth, half of its risks implied:

{_further("fourth-unseen")}

{_mistakes([row for rows in checked.values() for row in rows])}"""


def _style_rows(checked: Sequence[Checked]) -> str:
    return "\n".join(
        f"| {style} | {_share(c.finding.escalate for c in of if c.is_risk)} "
        f"| {_share(c.finding.escalate for c in of if not c.is_risk)} |"
        for style in Counter(c.row["style"] for c in checked)
        for of in [[c for c in checked if c.row["style"] == style]]
    )


def _replies_part(replies: Sequence[tuple[dict[str, str], str | None]]) -> str:
    counts = Counter(row["split"] for row in read_sentences("replies.csv"))
    return f"""## Replies

{counts.total()} sentences of replies (`replies.csv`), {counts["train"]} of them to fit on, with the
sentences of which the guided agent composes and counsellors' answers of CounselChat as safe ones;
{counts["unseen"]} unseen, of which {len(replies)} count: the others are near copies.
A sentence is blocked from a probability of {HARM_FROM}, or by a pattern unless the head is
sure that it is safe.

- **Harmful, blocked**: {_share(harm is not None for row, harm in replies if row["harm"] != "none")}.
- **Safe, blocked**: {_share(harm is not None for row, harm in replies if row["harm"] == "none")}."""


def _misses_part(checked: Sequence[Checked]) -> str:
    return f"""## What it misses

Sentences that are written to test a gate are plainer than what people say: these figures are a bound from above.
Hints without a word of risk, irony, codes of a group, several sentences that only together say it, other languages than
the four, and in Spanish, French and German whatever is not explicit are missed. Words that a recognizer got wrong, and
letters of other alphabets that look alike, may hide a risk. Of harmless replies, plain ones about cooking or tools
("cut the rope deep along the mark") may be blocked.

In the first set:

{_mistakes(checked)}"""


def _mistakes(checked: Sequence[Checked]) -> str:
    missed = [f"- {c.row['text']}" for c in checked if c.is_risk and not c.finding.escalate]
    alarms = [f"- {c.row['text']}" for c in checked if not c.is_risk and c.finding.escalate]
    return "\n".join(["Risks that were missed:", "", *(missed or ["none"]), "", "Alarms without a risk:", "", *alarms])


def _card(checked: Sequence[Checked], replies: Sequence[tuple[dict[str, str], str | None]], whole: bool) -> str:
    english = [c for c in checked if c.row["style"] not in _LANGUAGES]
    risks = [c for c in english if c.is_risk]
    found = [c for c in risks if c.finding.escalate]
    foreign = [c for c in checked if c.row["style"] in _LANGUAGES]
    sad, calm = ([c for c in english if c.row["grade"] == grade] for grade in ("distress", "none"))
    splits = Counter(row["split"] for row in read_sentences("sentences.csv"))
    return f"""# The safety gate (`risk.npz`, `risk_*.npz`, `reply_harm.npz`, `patterns.toml`)

**This is no medical device, no diagnosis, and no monitoring of people at risk.** It is a net under a conversation: it
misses people in danger (below), and a host application must not rely on it alone.

A support vector machine (`risk.npz`) and multinomial logistic regressions on the sentence features that perception uses
for text emotion (all-MiniLM-L6-v2), with patterns for what is explicit in English, Spanish, French and German. A
sentence counts from a probability of {RISK_FROM}; less after a risk or repeated distress in the turns before, more
where it has a figure of speech. From {CONCERN_FROM} it counts as distress: nobody is alarmed, and no reply is cheerful.

- **Data**: {splits.total():,} sentences written for this purpose (`sentences.csv`), graded none, distress, risk or
  imminent, with kind, person and time: {splits["train"]:,} to fit on (beside 2,993 ordinary comments of GoEmotions),
  {splits["tune"]} to choose thresholds, {splits["held-out"]} held out, which choices were made with in view, and
  {splits["unseen"]} unseen ones, and {splits["second-tune"] + splits["second-unseen"]} of a second set and
  {splits["third-tune"] + splits["third-unseen"] + splits["fourth-unseen"]} of a third and fourth (below).
  The unseen ones were written when nothing was changed any more, apart from the others (sixty of which the writer had
  seen); those that were among the others already were left out. After their figures had been seen, patterns were
  added: of grief ("my dog died"), and those of the second set; and, to fit on, safe replies of everyday talk
  ("well done on losing ten kilos") and questions for advice without a risk ("should I forgive him?").
  The figures here are theirs, with all of that. Patterns in Spanish, French and German were widened by sentences of
  this set and of the second one that had been missed: what is explicit there is no longer unseen.
- **Near copies**: a sentence of an unseen set does not count where a sentence outside of the unseen sets has nearly the
  same words (Jaccard similarity of the sets of words at least 0.6). Of the first set {len(checked)} sentences count,
  and {splits["unseen"] - len(checked)} are left out.
- **Recall on unseen English**: all {_share(c.finding.escalate for c in risks)}; explicit, slang and spoken
  **{_share(c.finding.escalate for c in risks if c.row["style"] in _EXPLICIT)}**; implied
  **{_share(c.finding.escalate for c in risks if c.row["style"] == "implied")}**, and
  {_share(c.finding.grade != "none" for c in risks)} of all at least taken for distress.
- **Precision on unseen English**: **{_share(c.is_risk for c in english if c.finding.escalate)}**.
- **Spanish, French, German, explicit**: recall {_share(c.finding.escalate for c in foreign if c.is_risk)},
  precision {_share(c.is_risk for c in foreign if c.finding.escalate)}.
- **Of the risks found**: kind right {_share(c.finding.category == c.row["category"] for c in found)}, person right
  {_share(c.finding.about == c.row["who"] for c in found)}, imminent or not right
  {_share(c.finding.grade == c.row["grade"] for c in found)}.
- **Distress told from none** (unseen, no risk): {_share(c.finding.grade != "none" for c in sad)}
  of distress found, {_share(c.finding.grade != "none" for c in calm)} of none taken for it.

| style | risks found | false alarms |
| --- | --- | --- |
{_style_rows(checked)}

{_replies_part(replies)}

{_further_parts() if whole else ""}

## A policy's vote

Where the head is in doubt (a probability from 0.1), a policy that was measured and leads is asked whether somebody
may be in danger (`reasoning/loop/risk_vote.py`). It can only raise a finding. The figures here are without it.

{_misses_part(checked)}

Made by `python -m omnisense.reasoning.safety.train GOEMOTIONS COUNSELCHAT` and
`python -m omnisense.reasoning.safety.measure`.
"""


if __name__ == "__main__":
    main()
