"""What a written text says to a question about what its writer feels, or one of the people who talk in it.

Without a clip there is no voice and no face: the text emotion model, which reads a person's messages to the agent,
reads the words that the question is about. A story is not its people's own words: nothing is measured about them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from omnisense.perception.emotion.text import EKMAN
from omnisense.reasoning.answers.asked import Measurement, normalize
from omnisense.reasoning.answers.channels import ChannelName, QuestionChannels
from omnisense.reasoning.answers.question import UNSCORED_KINDS, WRITTEN_KINDS, Question, strip_letter
from omnisense.reasoning.answers.values import emotion_of
from omnisense.reasoning.loop.appraisal import EMOTIONS
from omnisense.reasoning.loop.words import ReadEmotion, read_typed, words_channel

_TRUST = 0.8
_FEELING: tuple[ChannelName, ...] = ("text emotion", "tone", "expression")  # in a text, words alone carry a feeling
_LINE = re.compile(r"^\s*([^\W\d_][^:\n]{0,29}?)\s*:\s+(\S.*)$")
_LAST = re.compile(r"\b(?:last|final|closing)\b", re.IGNORECASE)
_FIRST = re.compile(r"\b(?:first|opening)\b", re.IGNORECASE)
_WRITER = re.compile(
    r"\b(?:writ(?:er|es|ten|ing|e)|wrote|author|poster|commenter|sender|speaker|person|user|customer|reviewer|narrator"
    r"|this|text|message|comment|post|tweet|review|email|e-mail|letter|note|words?|lines?|sentences?|says?|said)\b",
    re.IGNORECASE,
)
_GROUP_OF = {label: group for group, labels in EKMAN.items() for label in labels}


class _Line(NamedTuple):
    """A line of a dialogue."""

    speaker: str
    words: str


def measure_text(
    question: Question, channels: QuestionChannels, text: str, read_emotion: ReadEmotion
) -> tuple[Measurement, ...]:
    """Return what the words of a text say to a question about a feeling; empty where it asks about something else.

    Args:
        question: the question.
        channels: what it asks about.
        text: a person's own words, or a dialogue with a line for each turn (``Anna: I won!``).
        read_emotion: adds the emotion to a transcript.
    """
    relevance = max((channels.relevance.get(name, 0.0) for name in _FEELING), default=0.0)
    if not relevance or question.kind in (*WRITTEN_KINDS, *UNSCORED_KINDS, "joint", "number"):
        return ()
    words = _words_in_question(question.text, text)
    if not words:
        return ()
    read = read_typed(words, read_emotion)
    channel = words_channel((), None, read)
    if channel is None or not channel.reliability or not read.emotion_labels:
        return ()
    feelings = list(dict.fromkeys(f for segment in read.segments for f in segment.feelings))
    shares = _shares(question, channel.probabilities, feelings)
    if shares is None:
        return ()
    reliability = round(_TRUST * relevance * channel.reliability, 3)
    return (Measurement("text emotion", shares, reliability, _reason(question, shares, channel.reason)),)


def _reason(question: Question, shares: Mapping[str, float], read: str) -> str:
    """Return what was measured, in words: of a question with several answers, how far each is carried by the words.

    The one emotion that the words read most like would draw a policy away from the others.
    """
    if question.kind != "several":
        return read
    return "the words carry " + ", ".join(f"{answer} {share:.2f}" for answer, share in shares.items())


def _words_in_question(asked: str, text: str) -> str:
    """Return the words that a question is about; empty where they are nobody's own, or nobody knows whose."""
    lines = _dialogue(text)
    if not lines:
        return text if _WRITER.search(asked) and not _names_in(asked, text) else ""
    named = {line.speaker for line in lines if re.search(rf"\b{re.escape(line.speaker)}\b", asked, re.IGNORECASE)}
    own = [line for line in lines if not named or line.speaker in named]
    if _LAST.search(asked):
        own = own[-1:]
    elif _FIRST.search(asked):
        own = own[:1]
    return "\n".join(line.words for line in own)


def _dialogue(text: str) -> list[_Line]:
    """Return the lines of a dialogue; empty for any other text."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = [_LINE.match(line) for line in lines]
    return [_Line(m[1], m[2]) for m in found if m] if lines and all(found) else []


def _names_in(asked: str, text: str) -> bool:
    """Whether a question names somebody whom a text is about: the words are not that person's."""
    names = re.findall(r"(?<!^)(?<![.?!] )\b[A-Z][a-z]+\b", asked)
    return any(re.search(rf"\b{name}\b", text) for name in names)


def _shares(question: Question, emotions: Mapping[str, float], feelings: Sequence[str]) -> dict[str, float] | None:
    """Return the probabilities of the answers; None where their texts name fewer than two different feelings.

    Args:
        question: with options, labels, or answered by yes or no; then its own text names the feeling.
        emotions: a distribution over the loop's emotions.
        feelings: GoEmotions' labels that the model found, the most probable first.
    """
    if question.kind == "yes_no":
        value = emotion_of(question.text)
        yes = min(max(emotions.get(value or "", 0.0), 0.05), 0.95)
        return {"yes": yes, "no": 1 - yes} if value else None
    if question.kind == "label":
        options = {label: label for label in question.candidates()}
    else:
        options = {a: strip_letter(o) for a, o in zip(question.letters, question.options, strict=True)}
    named = {a: _GROUP_OF.get(option.lower()) or emotion_of(option) or "" for a, option in options.items()}
    values = [value for value in named.values() if value]
    if len(set(values)) < 2 and not {option.lower() for option in options.values()} & set(feelings):
        return None
    shares = {a: emotions.get(v, 0.0) / values.count(v) if v in EMOTIONS else 0.0 for a, v in named.items()}
    for answer, option in options.items():  # a finer label that the model found is worth more than its group
        if option.lower() in feelings:
            shares[answer] += 1.0 / (1 + feelings.index(option.lower()))
    return normalize(shares)
