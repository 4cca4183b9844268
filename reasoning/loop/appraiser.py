"""The appraisal nodes: characteristics, emotion, context, need, strategy; each cites the events that it rests on."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

from omnisense.perception.types import Event, Transcript
from omnisense.perception.vision.expressions import Phase
from omnisense.reasoning.loop import emotion
from omnisense.reasoning.loop.appraisal import (
    Characteristics,
    Context,
    Emotion,
    EmotionChannel,
    EvidenceSpan,
    Need,
    Strategy,
)
from omnisense.reasoning.loop.conversation import recall
from omnisense.reasoning.loop.decisions import Decider
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.observations import describe_people, possible_contexts
from omnisense.reasoning.loop.paraphrase import first_words
from omnisense.reasoning.loop.state import (
    LoopSettings,
    State,
    events_of,
    heard_words,
)
from omnisense.reasoning.loop.words import ReadEmotion, has_readable_words, meant_words, read_typed
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.pooling import POLICY, POLICY_WITHOUT_WORDS
from omnisense.reasoning.profile import PolicyProfile

EMOTION_QUESTION = "What does the person feel now?"
_RELIABLE_FACE = 0.4


class Appraiser:
    """The appraisal nodes, bound to a policy and settings. Each takes the state and returns what it changes."""

    def __init__(self, policy: Policy, settings: LoopSettings, read_emotion: ReadEmotion | None = None) -> None:
        self._policy, self._settings, self._read_emotion = policy, settings, read_emotion
        self._decider = Decider(policy, settings)

    def characteristics(self, state: State) -> State:
        """Appraise who is present, how they look and sound, and read what they typed: measured, not decided."""
        events = events_of(state)
        facts, cited = describe_people(state["percepts"], events)
        if state["typed"]:
            facts.append("they wrote a message")
        value = facts[0] if facts else "nobody is seen or heard"
        confidence = 1.0 if facts else 0.0
        appraised = Characteristics(value, "; ".join(facts[1:]), confidence, cite(events, cited))
        if not state["typed"]:
            return {"characteristics": appraised}
        words = read_typed(state["typed"], self._read_emotion)
        return {"characteristics": appraised, "typed_words": words, "notes": (*state["notes"], *words.notes)}

    def emotion(self, state: State) -> State:
        """Appraise the emotion: the measured channels pooled with the policy's choice."""
        channels, phases = measured_emotion(state)
        if not channels:
            return {"emotion": Emotion(detail="nobody to read a feeling from")}
        names, source = self._settings.emotions, policy_source(state)
        opinion = self._decider.ask(as_meant(state), "emotion", EMOTION_QUESTION, names.names, source)
        weights = emotion_weights(self._decider.profile, source)
        estimate = emotion.pool(channels, opinion.probabilities, phases, weights, names)
        appraised = emotion_appraisal(state, estimate, names)
        return {
            "emotion": replace(appraised, policy_choice=opinion.choice, note=opinion.note),
            "spent_tokens": state["spent_tokens"] + opinion.tokens,
        }

    def context(self, state: State) -> State:
        """Appraise what is going on, and what of the conversation bears on it."""
        events = events_of(state)
        options = possible_contexts(state["percepts"], events, state["typed"])
        prior = dict.fromkeys(options, 1.0)
        decision = self._decider.decide(state, "context", "What kind of situation is this?", prior)
        heard, recalled = heard_words(state), recall(state["turns"], state["typed"], state["facts"])
        detail = f'said: "{first_words(heard)}"' if heard else "nothing was said"
        if recalled:
            detail += f'; earlier they said: "{recalled}"'
        speech = [event.id for event in events if event.channel == "speech"]
        appraised = Context(
            value=decision.value,
            detail=detail,
            confidence=round(decision.probabilities.get(decision.value, 1.0), 3),
            # What was looked at for the message is what the message is about.
            evidence=state["looked"] or cite(events, speech[:3] or [event.id for event in events[:1]]),
            recalled=recalled,
            policy_choice=decision.policy_choice,
            note=decision.note,
        )
        return {"context": appraised, "spent_tokens": state["spent_tokens"] + decision.tokens}

    def need(self, state: State) -> State:
        """Appraise what would help."""
        felt = state["emotion"]
        prior = self._settings.strategies.need_weights(
            felt.probabilities, self._settings.emotions, feelings_in_words(state), is_silent=not heard_words(state)
        )
        earlier = {phase.value for phase in felt.earlier}
        if felt.value in ("joy", "neutral") and earlier & {"sadness", "fear", "anger"} and "to be heard" in prior:
            prior["to be heard"] += 4  # a person who wept a moment ago and now smiles wants both to be seen
        if state["typed"].rstrip().endswith("?") and "information" in prior:
            prior["information"] += 4
        decision = self._decider.decide(state, "need", "What does the person need most?", prior)
        appraised = Need(
            value=decision.value,
            detail=f"for {felt.value}",
            confidence=round(decision.probabilities[decision.value], 3),
            evidence=felt.evidence,
            policy_choice=decision.policy_choice,
            probabilities=decision.probabilities,
            note=decision.note,
        )
        return {"need": appraised, "spent_tokens": state["spent_tokens"] + decision.tokens}

    def strategy(self, state: State) -> State:
        """Choose the support strategy and the tone."""
        felt, need = state["emotion"], state["need"]
        strategies, emotions = self._settings.strategies, self._settings.emotions
        prior = strategies.strategy_weights(need.value, felt.value, emotions)
        decision = self._decider.decide(state, "strategy", "How should a caring friend respond?", prior)
        tone = strategies.tone(felt.value, emotions)
        appraised = Strategy(
            value=decision.value,
            detail=f"showing {tone}" if tone else "",
            confidence=round(decision.probabilities[decision.value], 3),
            evidence=need.evidence,
            tone=tone,
            policy_choice=decision.policy_choice,
            probabilities=decision.probabilities,
            note=decision.note,
        )
        return {"strategy": appraised, "spent_tokens": state["spent_tokens"] + decision.tokens}


def measured_emotion(state: State) -> tuple[list[EmotionChannel], list[Phase]]:
    """Return what the channels of this turn say about the emotion, and the phases of the main face."""
    return emotion.measure(state["percepts"], events_of(state), state["typed_words"])


def as_meant(state: State) -> State:
    """Return the state that a guided policy is asked about the emotion in: small models miss irony."""
    return {**state, "typed": meant_words(state["typed"], state["typed_words"])}


def policy_source(state: State) -> str:
    """Return by what name the policy counts in the pool of this turn's emotion."""
    percepts = state["percepts"]
    heard = percepts.transcript if percepts and isinstance(percepts.transcript, Transcript) else None
    if state["media"] or has_readable_words(heard, state["typed_words"]):
        return POLICY
    return POLICY_WITHOUT_WORDS


def emotion_weights(profile: PolicyProfile, source: str) -> dict[str, float]:
    """Return the weights of the emotion's pool, with the policy's as it is by the name of :func:`policy_source`."""
    weights = profile.weights_of("emotion")
    return {**weights, POLICY: weights[source]}


def feelings_in_words(state: State) -> list[str]:
    """Return the fine-grained feelings that the text emotion model finds in what was said and typed, each once."""
    percepts, typed = state["percepts"], state["typed_words"]
    heard = percepts.transcript if percepts and isinstance(percepts.transcript, Transcript) else None
    segments = [*(heard.segments if heard else ()), *(typed.segments if typed else ())]
    return list(dict.fromkeys(feeling for segment in segments for feeling in segment.feelings))


def emotion_appraisal(state: State, estimate: emotion.EmotionEstimate, names: EmotionSet) -> Emotion:
    """Return a pooled emotion as an appraisal, with the events that it rests on."""
    channels = estimate.channels
    cited = {e for channel in channels if channel.top == estimate.value for e in channel.evidence}
    face = next((c for c in channels if c.name == "face" and c.reliability >= _RELIABLE_FACE), None)
    return Emotion(
        value=estimate.value,
        detail="; ".join(f"{c.name}: {c.reason} (weight {estimate.weights[c.name]:.2f})" for c in channels),
        confidence=round(estimate.probabilities[estimate.value], 3),
        evidence=cite(events_of(state), cited),
        adjective=names.adjective(estimate.value),
        mixture=estimate.mixture,
        strength=estimate.strength,
        since_s=estimate.since_s,
        earlier=estimate.earlier,
        conflict=estimate.conflict,
        face_emotion=face.top if face else None,
        channels=channels,
        weights=estimate.weights,
        probabilities=estimate.probabilities,
    )


def cite(
    events: Sequence[Event], ids: Collection[str], looked: Sequence[EvidenceSpan] = ()
) -> tuple[EvidenceSpan, ...]:
    """Return the spans with these ids, in order of time.

    Args:
        events: of the timeline.
        ids: of events, or of spans that were looked at again; ``typed`` stands for the person's message.
        looked: what was looked at again.
    """
    spans = [EvidenceSpan(e.id, e.start_s, e.end_s, e.text) for e in events if e.id in ids]
    spans += [span for span in looked if span.id in set(ids) - {known.id for known in spans}]
    if "typed" in ids:
        spans.append(EvidenceSpan("typed", None, None, "what the person wrote"))
    return tuple(spans)
