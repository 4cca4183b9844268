"""Answers questions about clips with a policy and what perception measured.

A capable policy is asked once, exactly as it would be asked without the agent, with the evidence beside the question;
it decides. A policy that needs guidance chooses among the possible answers, and its choice is pooled with the
measurements. Of a long clip, what the question is about is looked at again first. A question without a clip is put to
the policy as it is.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from omnisense.perception.media.clip import Clip
from omnisense.perception.percepts import Percepts
from omnisense.reasoning.answers.asked import Measurement
from omnisense.reasoning.answers.channels import QuestionChannels, match_question
from omnisense.reasoning.answers.choosing import answer_texts, by_answer, choose_answers, in_form, take
from omnisense.reasoning.answers.evidence import EVIDENCE_TOKENS, render_evidence
from omnisense.reasoning.answers.measured import measure, pool
from omnisense.reasoning.answers.measured_text import measure_text
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import UNSCORED_KINDS, WRITTEN_KINDS, Question, question_text
from omnisense.reasoning.loop.look import LookAgain, Looked
from omnisense.reasoning.loop.prompts import looked_text
from omnisense.reasoning.loop.retrieval import within
from omnisense.reasoning.loop.words import ReadEmotion
from omnisense.reasoning.media import with_media
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.calibration import CalibratedChooser
from omnisense.reasoning.policies.messages import Messages, Part, PreparedPrompt, message, text_of
from omnisense.reasoning.profile import PolicyProfile, profile_of

_TAGS = re.compile(r"</?(?:think|answer)>")
_ANSWER_ALONE = "Now give the answer alone, in the form that was asked for."
LONG_S = 300.0  # of a longer clip a question is about a part
_SHORT_REPLY = 16  # tokens of an answer alone


@dataclass(frozen=True)
class AnswerSettings:
    """How questions are asked.

    Attributes:
        method: of a capable policy: ``write`` lets it write, ``choose`` lets it take one of the possible answers. One
            that needs guidance always chooses.
        think: whether the reply has ``<think>`` and ``<answer>`` tags.
        max_new_tokens, temperature, seed: of writing.
        evidence_tokens: space for the timeline in a prompt.
        profile: how the policy is used; None: the one that ships or was measured for it, else the stated prior.
    """

    method: Literal["write", "choose"] = "write"
    think: bool = False
    max_new_tokens: int = 256
    temperature: float = 0.0
    seed: int = 0
    evidence_tokens: int = EVIDENCE_TOKENS
    profile: PolicyProfile | None = None


@dataclass(frozen=True)
class PreparedQuestion:
    """A question with its clip measured and its prompt built.

    Attributes:
        question: the question.
        prompt: as it goes to the policy.
        plain: the same without evidence and media; None where there is no evidence.
        measurements: what perception says to its answers.
        notes: what was measured, in words, and what was left out.
    """

    question: Question
    prompt: PreparedPrompt
    plain: Messages | None = None
    measurements: tuple[Measurement, ...] = ()
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class GivenAnswer:
    """An answer.

    Attributes:
        text: in the form that the question asks for; what the policy wrote, where that could be read.
        value: as the answer parser returns it; empty where no answer was given.
        thinking: what the policy wrote before an answer that it had to be asked for again.
        probabilities: of the possible answers, where one was chosen.
        measurements: what perception says to them.
        notes: what was measured, in words, and why a channel was not consulted.
    """

    text: str
    value: str
    thinking: str = ""
    probabilities: dict[str, float] | None = None
    measurements: tuple[Measurement, ...] = field(default=(), compare=False)
    notes: tuple[str, ...] = field(default=(), compare=False)


class Answerer:
    """Answers questions.

    Args:
        policy: which answers.
        settings: how it is asked.
        look: looks at long clips again; without it only their timeline is searched.
        read_emotion: adds the emotion to a text, for questions about a text; without it they are put to the policy as
            they are.
    """

    def __init__(
        self,
        policy: Policy,
        settings: AnswerSettings | None = None,
        look: LookAgain | None = None,
        read_emotion: ReadEmotion | None = None,
    ) -> None:
        self._policy, self._settings, self._look = policy, settings or AnswerSettings(), look
        self._read_emotion = read_emotion
        self._chooser = CalibratedChooser(policy)

    def answer(
        self, question: Question, percepts: Percepts | None = None, *, transcript: str = "", media: Sequence[Part] = ()
    ) -> GivenAnswer:
        """Answer one question.

        Args:
            question: the question.
            percepts: of the clip; None when there are none.
            transcript: of what is said, where there is no clip.
            media: parts of the clip for a policy that accepts them.

        Raises:
            PolicyError: the policy failed, or does not accept the media.
        """
        text = question_text(question, think=self._settings.think, transcript=transcript)
        asked = [message("user", text)]
        return self.answer_all([self.prepare(question, asked, percepts, media, transcript=transcript)])[0]

    def look_again(self, question: Question, percepts: Percepts, clip: Clip | None = None) -> Looked:
        """Look again at what a question is about, if the clip is long; may be called from several threads.

        Args:
            question: the question.
            percepts: of the clip.
            clip: the clip; by default it is opened by the path in the percepts.

        Raises:
            PolicyError: the policy failed.
        """
        if self._look is None or percepts.clip.duration_s <= LONG_S:
            return Looked()
        text = "\n".join([question.text, *question.options]) if self._profile.leads else question.text
        return self._look.run(text, percepts, percepts.render(self._settings.evidence_tokens), clip=clip)

    def prepare(
        self,
        question: Question,
        asked: Messages,
        percepts: Percepts | None = None,
        media: Sequence[Part] = (),
        looked: Looked | None = None,
        transcript: str = "",
    ) -> PreparedQuestion:
        """Measure what bears on a question, and build its prompt. May be called from several threads.

        Args:
            question: the question.
            asked: as the policy is asked without the agent; the evidence goes before the last message's text.
            percepts: of the clip; None for a question without one, which is asked as it is.
            media: parts of the clip, which go before the evidence.
            looked: what was looked at again, the best window first.
            transcript: the text that is asked about, where there is no clip.

        Raises:
            MediaError: media cannot be opened.
            PolicyError: the policy does not accept a part.
        """
        looked = looked or Looked()
        *before, last = asked
        shown = [*before, with_media(last, list(media))]
        if percepts is None:
            return self._prepare_text(question, shown, transcript)
        channels = match_question(question.text)
        found = measure(question, channels, self._measured(percepts, looked, channels))
        if media and not found and not self._profile.leads:
            # Notes that bear on nothing asked only come between a small policy and the clip that it was trained to see.
            return PreparedQuestion(question, self._policy.prepare(shown))
        lines = tuple(m.line() for m in found)
        evidence = render_evidence(question, channels, percepts, self._settings.evidence_tokens)
        measured = "".join(f"\nMeasured, {line}" for line in lines)
        again = f"\nLooked at again:\n{looked_text(looked.spans)}" if looked.spans else ""
        prompt = _with_evidence(shown, f"What was seen and heard in the clip:\n{evidence}{again}{measured}\n\n")
        notes = (*lines, *((channels.note,) if channels.note else ()), *looked.notes)
        neutral = [message(m["role"], text_of(m)) for m in asked]
        return PreparedQuestion(question, self._policy.prepare(prompt), neutral, found, notes)

    def _prepare_text(self, question: Question, shown: Messages, text: str) -> PreparedQuestion:
        """Return a question about a text; a leading policy reads what the words were measured to say."""
        found: tuple[Measurement, ...] = ()
        if self._read_emotion is not None and text.strip():
            found = measure_text(question, match_question(question.text), text, self._read_emotion)
        lines = tuple(m.line() for m in found)
        if found and self._profile.leads:
            shown = _with_evidence(shown, "".join(f"Measured, {line}\n" for line in lines) + "\n")
        return PreparedQuestion(question, self._policy.prepare(shown), None, found, lines)

    def _measured(self, percepts: Percepts, looked: Looked, channels: QuestionChannels) -> Percepts:
        """Return what a question is measured on: of a long clip, the best window that was found for a guided policy.

        People and voices are counted in the whole clip.
        """
        if self._profile.leads or not looked.windows or channels.topic in ("people", "voices"):
            return percepts
        return within(percepts, *looked.windows[0])

    def answer_all(self, batch: Sequence[PreparedQuestion]) -> list[GivenAnswer]:
        """Answer prepared questions, in one batch.

        Raises:
            PolicyError: the policy failed.
        """
        chosen = [i for i, p in enumerate(batch) if self._chooses(p.question)]
        written = [i for i in range(len(batch)) if i not in set(chosen)]
        answers: dict[int, GivenAnswer] = {}
        answers |= zip(chosen, self._choose([batch[i] for i in chosen]), strict=True)
        answers |= zip(written, self._write([batch[i] for i in written]), strict=True)
        return [answers[i] for i in range(len(batch))]

    @functools.cached_property
    def _profile(self) -> PolicyProfile:
        return self._settings.profile or profile_of(self._policy)

    def _chooses(self, question: Question) -> bool:
        if question.kind in (*WRITTEN_KINDS, *UNSCORED_KINDS):
            return False
        return self._settings.method == "choose" or not self._profile.leads

    def _choose(self, batch: Sequence[PreparedQuestion]) -> list[GivenAnswer]:
        """Choose answers; of questions with evidence the bias for an answer's wording is divided out."""
        weights = self._profile.weights_of("answer")
        found: dict[int, dict[str, float] | None] = {}
        if not weights["policy"]:  # it adds nothing where something was measured
            found |= {i: None for i, p in enumerate(batch) if any(weights.get(m.channel) for m in p.measurements)}
        plain = [i for i, p in enumerate(batch) if p.plain is None]
        questions = [batch[i].question for i in plain]
        found |= zip(plain, choose_answers(self._policy, [batch[i].prompt for i in plain], questions), strict=True)
        shown = [(i, p, p.plain) for i, p in enumerate(batch) if p.plain is not None and i not in found]
        if shown:
            choices = self._chooser.choose(
                [p.prompt for _, p, _ in shown],
                [answer_texts(p.question) for _, p, _ in shown],
                [neutral for *_, neutral in shown],
            )
            found |= {i: by_answer(p.question, c) for (i, p, _), c in zip(shown, choices, strict=True)}
        return [self._conclude(p, found[i]) for i, p in enumerate(batch)]

    def _conclude(self, asked: PreparedQuestion, policy: dict[str, float] | None, thinking: str = "") -> GivenAnswer:
        """Return the answer of the pool; none where the policy's cannot be read and nothing was measured."""
        question, weights, notes = asked.question, self._profile.weights_of("answer"), asked.notes
        if policy is None and weights["policy"]:
            weights = self._profile.weights_without_policy("answer")
            notes = (*notes, "the policy's choice could not be read: the answer is what was measured")
        if policy is None and not any(weights.get(m.channel) for m in asked.measurements):
            notes = (*asked.notes, "the policy's choice could not be read")
            return GivenAnswer("", "", thinking, None, asked.measurements, notes)
        probabilities = pool(question, asked.measurements, policy, weights)
        value = take(question, probabilities)
        shown = {a: round(p, 5) for a, p in probabilities.items()} if question.kind != "several" else None
        text = self._in_form(question, value, thinking)
        return GivenAnswer(text, value, thinking, shown, asked.measurements, notes)

    def _in_form(self, question: Question, value: str, thinking: str) -> str:
        answer = in_form(value, question)
        return f"<think>{thinking}</think><answer>{answer}</answer>" if self._settings.think else answer

    def _write(self, batch: Sequence[PreparedQuestion]) -> list[GivenAnswer]:
        """Let the policy write; whoever wrote no readable answer is asked once more, for the answer alone."""
        if not batch:
            return []
        settings = self._settings
        replies = self._policy.write(
            [p.prompt for p in batch],
            max_new_tokens=settings.max_new_tokens,
            temperature=settings.temperature,
            seed=settings.seed,
        )
        answers: dict[int, GivenAnswer] = {}
        for i, (p, reply) in enumerate(zip(batch, replies, strict=True)):
            value = parse(reply, p.question.kind, p.question.options, p.question.form).value
            if value or p.question.kind in UNSCORED_KINDS:
                answers[i] = GivenAnswer(reply, value, measurements=p.measurements, notes=p.notes)
        unread = [i for i in range(len(batch)) if i not in answers]
        again = self._ask_again([batch[i] for i in unread], [replies[i] for i in unread])
        return [answers[i] if i in answers else again[unread.index(i)] for i in range(len(batch))]

    def _ask_again(self, batch: Sequence[PreparedQuestion], replies: Sequence[str]) -> list[GivenAnswer]:
        """Ask for the answer alone, after what was written: a choice where there is one, else in writing."""
        # Without tags: chat templates drop the thinking of earlier turns.
        thoughts = [_TAGS.sub("", reply).strip() for reply in replies]
        prompts: list[Messages] = [
            [*p.prompt, message("assistant", thought or "..."), message("user", _ANSWER_ALONE)]
            for p, thought in zip(batch, thoughts, strict=True)
        ]
        closed = [i for i, p in enumerate(batch) if p.question.kind in ("one", "number", "yes_no", "label")]
        chosen = choose_answers(self._policy, [prompts[i] for i in closed], [batch[i].question for i in closed])
        answers = {i: self._conclude(batch[i], found, thoughts[i]) for i, found in zip(closed, chosen, strict=True)}
        rest = [i for i in range(len(batch)) if i not in answers]
        if rest:
            most = (
                _SHORT_REPLY
                if all(batch[i].question.kind == "several" for i in rest)
                else self._settings.max_new_tokens
            )
            written = self._policy.write([prompts[i] for i in rest], max_new_tokens=most, seed=self._settings.seed)
            for i, reply in zip(rest, written, strict=True):
                question = batch[i].question
                value = parse(reply, question.kind, question.options, question.form).value
                text = self._in_form(question, value, thoughts[i]) if question.kind == "several" and value else reply
                kept = text if value else replies[i]
                answers[i] = GivenAnswer(kept, value, thoughts[i], None, batch[i].measurements, batch[i].notes)
        return [answers[i] for i in range(len(batch))]


def _with_evidence(asked: Messages, evidence: str) -> Messages:
    """Return messages with evidence at the beginning of the last text part."""
    *before, last = asked
    parts = [dict(part) for part in last["content"]]
    place = max(i for i, part in enumerate(parts) if part["type"] == "text")
    parts[place]["text"] = evidence + str(parts[place]["text"])
    return [*before, {**last, "content": parts}]  # type: ignore[typeddict-item]
