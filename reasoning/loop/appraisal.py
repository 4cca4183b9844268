"""The typed results of a turn: the appraisal with its evidence, the drafts, and the finding of the safety gate.

Frozen dataclasses of plain values, as in :mod:`omnisense.perception.types`. Every appraisal is always present: until it
is made, and in a turn that the safety gate answers, its value is ``unknown`` and it cites no evidence.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from omnisense.text import one_line

# Emotions, needs and strategies are names in the settings' EmotionSet and StrategySet, which builders may replace; a
# channel is one of perception or a builder's own. A value is ``unknown`` until its step is made.
EmotionName = str
EmotionValue = str
ChannelName = str
NeedName = str
NeedValue = str
StrategyName = str
StrategyValue = str
ContextName = Literal[
    "a written message",
    "talking to the camera",
    "reading something aloud",
    "talking together",
    "a meeting",
    "showing a feeling without words",
    "a picture or clip sent with a message",
    "a voice recording",
    "a scene without a visible face",
]
ContextValue = Literal[ContextName, "unknown"]
Author = Literal["policy", "template", "safety gate"]
RiskCategory = Literal["medical emergency", "self-harm", "harm to others", "abuse"]
RiskGrade = Literal["none", "distress", "risk", "imminent"]
FaultName = Literal[
    "empty",
    "short",
    "long",
    "repetition",
    "unfinished",
    "unanswered",
    "refusal",
    "questions",
    "advice first",
    "no acknowledgement",
    "role",
    "copy",
    "wrong feeling",
    "contradiction",
    "language",
    "nothing added",
    "invented",
    "empty words",
    "no question",
    "self",
    "hypothetical",
    "negation",
    "claim",
    "unsafe",
]
HarmCategory = Literal["method details", "urging harm", "turning away from help", "contempt"]

# What perception's channels measure; an EmotionSet says how its own emotions follow from these.
EMOTIONS: tuple[EmotionName, ...] = ("sadness", "joy", "anger", "fear", "disgust", "surprise", "neutral")


@dataclass(frozen=True)
class EvidenceSpan:
    """An event of the timeline that an appraisal cites.

    Attributes:
        id: of the event (``e1``, ``e2``, ...), or ``typed`` for the person's message.
        start_s: in seconds from the start of the clip; None for a message. Likewise ``end_s``.
        text: the event in words.
    """

    id: str
    start_s: float | None
    end_s: float | None
    text: str

    def line(self) -> str:
        """Return the span as a line for a prompt: its id, its interval if it has one, and its text."""
        when = "" if self.start_s is None or self.end_s is None else f" [{self.start_s:.1f}-{self.end_s:.1f}s]"
        return f"{self.id}{when} {one_line(self.text)}"


@dataclass(frozen=True)
class Characteristics:
    """Who is present, and how they look and sound; measured, without the policy.

    Attributes:
        value: the first fact; detail: the others.
        confidence: 1 where anything was measured, else 0.
        evidence: the events that it rests on.
    """

    value: str = "unknown"
    detail: str = ""
    confidence: float = 0.0
    evidence: tuple[EvidenceSpan, ...] = ()


@dataclass(frozen=True)
class EmotionChannel:
    """What one channel says about the emotion.

    Attributes:
        name: ``face``, ``words``, ``tone`` (how the voice sounds), ``arousal`` (of the voice), or a builder's own.
        probabilities: over the emotions of the settings' EmotionSet.
        reliability: how far the channel is to be trusted, 0 to 1.
        reason: what was measured, in words.
        evidence: ids of the events that it rests on.
    """

    name: ChannelName
    probabilities: dict[EmotionName, float]
    reliability: float
    reason: str
    evidence: tuple[str, ...] = ()

    @property
    def top(self) -> EmotionName:
        """The most probable emotion."""
        return max(self.probabilities, key=self.probabilities.__getitem__)


@dataclass(frozen=True)
class EarlierEmotion:
    """An emotion that the face showed before the present one, and until when."""

    value: EmotionName
    until_s: float


@dataclass(frozen=True)
class Emotion:
    """The emotion now: the measured channels pooled with the policy's choice.

    Attributes:
        value: the emotion.
        adjective: ``value`` as it follows "you feel"; empty when it is unknown.
        mixture: two or three feelings with their shares where several are close, such as joy and sadness; else empty.
        described: the feeling in the policy's own words; empty where it was not asked for them.
        detail: what each channel says, with its weight.
        confidence: the pooled probability of ``value``.
        evidence: events of the channels that agree with ``value``.
        strength: 0 to 1.
        since_s: since when, where the face shows it.
        earlier: what the face showed before, in order of time.
        conflict: the disagreement between channels in words; empty when they agree.
        face_emotion: what the face shows, where it can be trusted.
        channels: what each measured channel says.
        weights: of each channel and of the policy in the pool.
        probabilities: the pooled ones.
        policy_choice: what the policy alone would choose; None when it was not asked.
        note: how the decision was made, where that is out of the ordinary.
    """

    value: EmotionValue = "unknown"
    detail: str = ""
    confidence: float = 0.0
    evidence: tuple[EvidenceSpan, ...] = ()
    adjective: str = ""
    mixture: dict[EmotionName, float] = field(default_factory=dict)
    described: str = ""
    strength: float = 0.0
    since_s: float | None = None
    earlier: tuple[EarlierEmotion, ...] = ()
    conflict: str = ""
    face_emotion: EmotionName | None = None
    channels: tuple[EmotionChannel, ...] = ()
    weights: dict[str, float] = field(default_factory=dict)
    probabilities: dict[EmotionName, float] = field(default_factory=dict)
    policy_choice: EmotionName | None = None
    note: str = ""


@dataclass(frozen=True)
class Context:
    """What is going on, and what of the conversation bears on it.

    Attributes:
        value: the kind of situation; detail: what was said, in short.
        confidence: the policy's probability of ``value``; 1 where only one kind is possible.
        evidence: the events that it rests on.
        summary: one sentence by the policy; empty when it was not asked.
        recalled: what the person said in an earlier turn and now asks about.
        policy_choice: what the policy chose; None when it was not asked.
        note: how the decision was made, where that is out of the ordinary.
    """

    value: ContextValue = "unknown"
    detail: str = ""
    confidence: float = 0.0
    evidence: tuple[EvidenceSpan, ...] = ()
    summary: str = ""
    recalled: str = ""
    policy_choice: ContextName | None = None
    note: str = ""


@dataclass(frozen=True)
class Need:
    """What would help the person.

    Attributes:
        value: the need; detail: the emotion that it follows from.
        confidence: the pooled probability of ``value``.
        evidence: that of the emotion.
        policy_choice: what the policy alone would choose; None when it was not asked.
        probabilities: the pooled ones.
        note: how the decision was made, where that is out of the ordinary.
    """

    value: NeedValue = "unknown"
    detail: str = ""
    confidence: float = 0.0
    evidence: tuple[EvidenceSpan, ...] = ()
    policy_choice: NeedName | None = None
    probabilities: dict[NeedName, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Strategy:
    """The support strategy of the reply, and the tone to show.

    Attributes:
        value: the strategy; detail: the tone in words.
        confidence: the pooled probability of ``value``.
        evidence: that of the need.
        tone: which feeling the reply shows.
        policy_choice: what the policy alone would choose; None when it was not asked.
        probabilities: the pooled ones.
        note: how the decision was made, where that is out of the ordinary.
    """

    value: StrategyValue = "unknown"
    detail: str = ""
    confidence: float = 0.0
    evidence: tuple[EvidenceSpan, ...] = ()
    tone: str = ""
    policy_choice: StrategyName | None = None
    probabilities: dict[StrategyName, float] = field(default_factory=dict)
    note: str = ""


@dataclass(frozen=True)
class Appraisal:
    """What was concluded in a turn, step by step; each step has ``value``, ``detail``, ``confidence``, ``evidence``."""

    characteristics: Characteristics = field(default_factory=Characteristics)
    emotion: Emotion = field(default_factory=Emotion)
    context: Context = field(default_factory=Context)
    need: Need = field(default_factory=Need)
    strategy: Strategy = field(default_factory=Strategy)


@dataclass(frozen=True)
class Fault:
    """Something wrong with a reply; ``cost`` is subtracted from a score of 1."""

    name: FaultName
    reason: str
    cost: float


@dataclass(frozen=True)
class Draft:
    """A candidate reply.

    Attributes:
        text: the reply.
        written_by: who wrote it.
        score: of the checks, 0 to 1; 0 before they ran.
        faults: that the checks found.
        raw: all that the policy wrote, where the reply was a part of it.
        shape: how the reply is put together, for one that was composed without the policy.
        opening: its first sentences, which a guided policy may go on from; empty where nothing follows them.
    """

    text: str
    written_by: Author
    score: float = 0.0
    faults: tuple[Fault, ...] = ()
    raw: str = ""
    shape: str = ""
    opening: str = ""


@dataclass(frozen=True)
class SafetyFinding:
    """What the safety gate found.

    Attributes:
        category: the kind of risk in what was said or typed (a ``RiskCategory``, or that of a check of your own); None
            when there is none.
        matched: the words that show it.
        escalate: whether the host application should bring in a person.
        injection: words that try to command the agent; they are treated as evidence.
        reply: what the person is answered when there is a risk; empty for the one written for its category.
        reply_replaced: why a reply was replaced (a ``HarmCategory``, or that of a check of your own); None when it was
            not.
        doubtful: whether the head is not sure of the risk: the person gets a usual reply, and is asked.
        grade: ``none``; ``distress``, which does not escalate and gets no cheerful reply; ``risk``; or ``imminent``.
        about: whether the risk is the person's own or another's.
        when: whether it is of now or of the past.
        probability: of a risk by the head on the sentence embedding; None without a risk, or where patterns alone
            found it.
        note: what the gate could not do.
    """

    category: str | None = None
    matched: str = ""
    escalate: bool = False
    injection: str = ""
    reply: str = ""
    reply_replaced: str | None = None
    grade: RiskGrade = "none"
    about: Literal["self", "other"] = "self"
    when: Literal["now", "past"] = "now"
    probability: float | None = None
    note: str = ""
    doubtful: bool = False


@dataclass(frozen=True)
class Trace:
    """How the reply came about.

    Attributes:
        policy: the policy's name.
        reply: the draft that was chosen.
        drafts: all drafts with their scores and faults.
        revisions: how often drafts were rewritten.
        tokens: an estimate of the tokens of all prompts and replies.
        notes: what went otherwise than planned, in words.
        looked: what was looked at again before the answer.
    """

    policy: str
    reply: Draft
    drafts: tuple[Draft, ...] = ()
    revisions: int = 0
    tokens: int = 0
    notes: tuple[str, ...] = ()
    looked: tuple[EvidenceSpan, ...] = ()
