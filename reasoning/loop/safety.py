"""The safety gate, before and after the reasoning.

Before: signs of risk in what was said or typed lead to a caring reply that points to help, with an ``escalate`` flag
for the host application, and no language model is asked. Each sentence, and each with the one after it, is read by
heads on the sentence embedding (:mod:`omnisense.reasoning.safety.heads`), again by one on a larger embedding where they
are in doubt, and by patterns for what is explicit; risk or distress in the turns before makes the gate more careful.
After: a reply that gives method details, urges harm or advises against help is replaced.

Where the embedding model is absent only the patterns are left: they find plain statements, no hints, and the finding
says so. Words in a clip are evidence, never instructions; attempts to command the agent are recorded.
"""

from __future__ import annotations

import functools
import math
import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import get_args

from omnisense.reasoning.language import detect_language
from omnisense.reasoning.loop.appraisal import HarmCategory, RiskGrade, SafetyFinding
from omnisense.reasoning.safety import heads
from omnisense.reasoning.safety.heads import RiskScores
from omnisense.reasoning.safety.help_lines import help_lines
from omnisense.reasoning.safety.patterns import (
    Sign,
    find_signs,
    harm_by_pattern,
    is_affirmation,
    is_denial,
    is_everyday,
    is_figure_of_speech,
    is_grief,
    is_imagined,
    is_past,
)
from omnisense.reasoning.safety.spelling import readings

# Probabilities from which a sentence counts, chosen with each source of sentences left out (``safety/validate.py``).
RISK_FROM = 0.65  # lower, alarms went to everyday worries and to words that a recognizer had got wrong
SURE_FROM = 0.85  # below it the person is asked: there lie most needless alarms, and at most a quarter of the risks
CONCERN_FROM = 0.35  # counts as distress: no alarm, and no cheerful reply
_DISTRESS_FROM = 0.6  # of distress and risk together
_AFTER_RISK, _AFTER_DISTRESS = 0.25, 0.5  # a risk, or distress twice, in the turns before
_FIGURE_FROM, _OTHER_LANGUAGE_FROM = 0.85, 0.8
_SURELY_NONE = 0.15  # below it a sign that is not certain does not count
_PAST_FROM = 0.35  # below it a sign does not count where the sentence tells of long ago
_DOUBT_FROM = 0.1  # from here to where a sentence counts, the head is in doubt
_IMMINENT_SHARE = 0.5  # of the risk
_LAST_TURNS = 3
_FEW, _MOST = 4, 0.9  # sentences of a message, and the threshold of a long text
_LEAST = 1e-9  # of a probability
HARM_FROM = 0.6
_SHORT, _SHORT_HARM_FROM = 3, 0.95  # words of a sentence that says little: "You finally quit."
_SURELY_SAFE = 0.1  # below it a pattern of a harmful reply does not count
_INJECTION = re.compile(
    r"\b(ignore|disregard|forget) (all |any |the |your )*(previous|prior|above|earlier|other)? ?"
    r"(instructions?|rules?|prompts?)"
    r"|\byou are now (a|an|in)\b|\bsystem prompt\b|\b(reveal|print|show) (me )?(your|the) (prompt|instructions)\b"
    r"|<\|?(im_start|system|endoftext)",
    re.IGNORECASE,
)
_CAREFUL_REPLY = "Thank you for telling me. I want to be careful with you here. What would help you most right now?"
RiskScorer = Callable[[tuple[str, ...]], tuple[RiskScores, ...] | None]
HarmScorer = Callable[[tuple[str, ...]], tuple[tuple[str, float], ...] | None]
_CARE = Path(heads.__file__).with_name("care.toml")


def check_input(text: str, earlier: Sequence[str] = (), scorer: RiskScorer = heads.score_risk) -> SafetyFinding:
    """Look for signs of risk, and for attempts to command the agent, in everything said and typed.

    Args:
        text: of this turn.
        earlier: what the person said in earlier turns, the latest last.
        scorer: the heads; for validation, ones that were fitted otherwise.
    """
    commands = (_INJECTION.search(reading) for reading in (text, *readings(text)))
    injection = next((command.group(0) for command in commands if command), "")
    sentences = _sentences(text)
    pairs = _pairs(text)
    scores = scorer((*sentences, *pairs))
    if scores is None:
        sign = next((sign for sentence in sentences for sign in find_signs(sentence)), None)
        finding = _finding(sign, None, sign.matched if sign else "") if sign else SafetyFinding()
        return _with(finding, injection, heads.WITHOUT_EMBEDDING)
    after = _threshold(earlier)
    threshold = max(after, _threshold_of_many(len(sentences)))
    together = dict(zip(pairs, scores[len(sentences) :], strict=True))
    found = [
        (_certainty(sign, score), part, sign, score)
        for part, score in zip((*sentences, *pairs), scores, strict=True)
        for sign in [None if part in together else _counting_sign(part, score)]
        if sign or (_in_context(part, score, together) >= _threshold_of(part, threshold) and not is_imagined(part))
    ]
    if found:
        _, sentence, sign, score = max(found, key=lambda row: row[0])
        finding = _finding(sign, score, sign.matched if sign else sentence)
        is_sure = bool(sign) or after == _AFTER_RISK or _in_context(sentence, score, together) >= SURE_FROM
        return _with(replace(finding, doubtful=not is_sure and _may_ask(finding, text)), injection)
    is_distress = any(_is_distress(sentence, score) for sentence, score in zip(sentences, scores, strict=False))
    return SafetyFinding(injection=injection, grade="distress" if is_distress else "none")


def after_question(finding: SafetyFinding, answer: str, before: str, risk: str | None) -> SafetyFinding:
    """Return the finding of a turn in which the person answers whether there is a risk.

    What confirms it, or does not deny it, is a risk without doubt, and so is a second sign of one.

    Args:
        finding: of the answer alone.
        answer: the person's.
        before: what they had said before they were asked.
        risk: the kind that was asked about.
    """
    if finding.category:
        return finding if is_denial(answer) else replace(finding, doubtful=False)
    if not is_affirmation(answer):
        return finding
    found = replace(check_input(before), category=risk, escalate=True, grade="risk", doubtful=False)
    return replace(found, matched=answer.strip(), injection=finding.injection)


def find_doubt(text: str) -> SafetyFinding | None:
    """Return what would be found if the sentence of which the head is most in doubt were a risk; None without doubt.

    It is for a text in which :func:`check_input` found no risk, and for a second reader.
    """
    sentences = _sentences(text)
    scores = heads.score_risk(sentences) or ()
    rows = [
        (score.risk, sentence, score)
        for sentence, score in zip(sentences, scores, strict=False)
        if score.risk >= _DOUBT_FROM and not is_imagined(sentence)
    ]
    if not rows:
        return None
    _, sentence, score = max(rows, key=lambda row: row[0])
    return _finding(None, score, sentence)


def check_reply(reply: str, scorer: HarmScorer = heads.score_harm) -> HarmCategory | None:
    """Return the kind of harm that a reply would do; None when it is safe.

    Args:
        reply: by a policy.
        scorer: the heads; for validation, ones that were fitted otherwise.
    """
    sentences = _sentences(reply)
    scores = scorer(sentences)
    for i, sentence in enumerate(sentences):
        kind = harm_by_pattern(sentence)
        if kind and (scores is None or scores[i][1] >= _SURELY_SAFE):
            return kind
    found = [
        row
        for sentence, row in zip(sentences, scores or (), strict=False)
        if row[1] >= (HARM_FROM if len(sentence.split()) > _SHORT else _SHORT_HARM_FROM)
    ]
    return _harm(max(found, key=lambda row: row[1])[0]) if found else None


def caring_reply(finding: SafetyFinding, country: str = "") -> str:
    """Return a reply written by people: for the risk that was found or, without one, in place of an unsafe reply.

    Args:
        finding: the risk; what is imminent is answered with the emergency number first, and of what is doubtful the
            person is asked.
        country: ISO 3166 code of the help lines; empty for international ones.

    Raises:
        InputError: no help lines are listed for the country.
    """
    if finding.category and finding.reply:
        return finding.reply
    replies = _care().get(finding.category or "")
    if replies is None:
        return _CAREFUL_REPLY
    lines = help_lines(country)
    grade = "imminent" if finding.grade == "imminent" else "doubt" if finding.doubtful else "risk"
    return replies[f"other_{grade}" if finding.about == "other" else grade].format(
        emergency=lines.emergency,
        crisis=lines.crisis,
        crisis_upper=lines.crisis[:1].upper() + lines.crisis[1:],
        abuse=lines.abuse,
    )


def _sentences(text: str) -> tuple[str, ...]:
    """Return the sentences of a text, in each way in which it may be read."""
    return tuple(dict.fromkeys(sentence for reading in readings(text) for sentence in heads.split_sentences(reading)))


def _pairs(text: str) -> tuple[str, ...]:
    """Return neighbouring sentences together: what neither says may be said by both."""
    pairs = (pair for reading in readings(text) for pair in heads.neighbours(heads.split_sentences(reading)))
    return tuple(dict.fromkeys(pairs))


def _is_distress(sentence: str, score: RiskScores) -> bool:
    """Whether a sentence shows distress; what only sounds like a risk does not count as one."""
    risk = 0.0 if is_figure_of_speech(sentence) or is_everyday(sentence) else score.risk
    return score.distress + risk >= _DISTRESS_FROM or risk >= CONCERN_FROM


def _in_context(part: str, score: RiskScores, together: Mapping[str, RiskScores]) -> float:
    """Return the probability of a risk of a sentence; in a long text, beside that of the sentences around it.

    It is at the mean of the log-odds of the sentence and of the likelier of the pairs that it is in: what sounds like a
    risk by itself may be plain in a story.
    """
    around = [s.risk for pair, s in together.items() if pair.startswith(f"{part} ") or pair.endswith(f" {part}")]
    if len(together) < _FEW or not around:
        return score.risk
    odds = [math.log(max(p, _LEAST) / max(1 - p, _LEAST)) for p in (score.risk, max(around))]
    return 1 / (1 + math.exp(-sum(odds) / 2))


def _threshold(earlier: Sequence[str]) -> float:
    """Return from which probability a sentence counts, after what was said before."""
    grades = [_grade_of(text) for text in earlier[-_LAST_TURNS:]]
    if "risk" in grades:
        return _AFTER_RISK
    return _AFTER_DISTRESS if grades.count("distress") > 1 else RISK_FROM


def _threshold_of_many(sentences: int) -> float:
    """Return the threshold for a text of so many sentences: each is one more chance of a false alarm."""
    return min(_MOST, RISK_FROM + 0.1 * math.log2(max(1.0, sentences / _FEW))) if sentences > _FEW else 0.0


@functools.lru_cache(maxsize=256)  # an earlier turn is read again in each that follows
def _grade_of(text: str) -> RiskGrade:
    finding = check_input(text)
    if finding.doubtful:
        return "distress"
    return "risk" if finding.escalate else finding.grade


def _may_ask(finding: SafetyFinding, text: str) -> bool:
    """Whether there is time to ask, and the question would be in the person's language."""
    return (
        finding.grade != "imminent" and finding.category != "medical emergency" and detect_language(text) in ("", "en")
    )


def _threshold_of(sentence: str, threshold: float) -> float:
    if is_figure_of_speech(sentence) or is_grief(sentence) or is_everyday(sentence):
        return _FIGURE_FROM
    return threshold if detect_language(sentence) in ("", "en") else _OTHER_LANGUAGE_FROM


def _counting_sign(sentence: str, score: RiskScores) -> Sign | None:
    """Return the sign by pattern that counts beside what the head says."""
    signs = find_signs(sentence)
    is_english = detect_language(sentence) in ("", "en")
    least = _PAST_FROM if is_past(sentence) else _SURELY_NONE
    return next(
        (
            sign
            for sign in signs
            if (sign.is_certain and (least == _SURELY_NONE or score.risk >= least))
            or (is_english and score.risk >= least)
        ),
        None,
    )


def _certainty(sign: Sign | None, score: RiskScores) -> tuple[bool, float]:
    return (sign.grade == "imminent" if sign else score.imminent >= _IMMINENT_SHARE * score.risk, score.risk)


def _finding(sign: Sign | None, score: RiskScores | None, matched: str) -> SafetyFinding:
    is_imminent = bool(sign and sign.grade == "imminent")
    if score and score.risk >= RISK_FROM:
        is_imminent |= score.imminent >= _IMMINENT_SHARE * score.risk
    category = sign.category if sign else score.category if score else ""
    return SafetyFinding(
        category,
        matched,
        escalate=True,
        grade="imminent" if is_imminent else "risk",
        about="other" if score and score.person == "other" else "self",
        when="past" if score and score.time == "past" else "now",
        probability=round(score.risk, 3) if score else None,
    )


def _with(finding: SafetyFinding, injection: str, note: str = "") -> SafetyFinding:
    return replace(finding, injection=injection, note=note)


def _harm(name: str) -> HarmCategory:
    assert name in get_args(HarmCategory), "the head's labels are harms"
    return name  # type: ignore[return-value]


@functools.lru_cache(maxsize=1)
def _care() -> dict[str, dict[str, str]]:
    replies: dict[str, dict[str, str]] = tomllib.loads(_CARE.read_text("utf-8"))
    return replies
