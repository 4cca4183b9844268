"""The steps of the loop. Each takes the state and gives back what it adds; small values only, never media bytes."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from typing import Any

from omnisense.perception.fusion.timeline import Event, face_name
from omnisense.perception.types import AudioStream, Percepts, VisualStream
from omnisense.reasoning.loop import checks, emotion, prompts, safety
from omnisense.reasoning.loop.decisions import NEEDS, SHOWN, SUPPORT_STRATEGIES, Decider, Decision
from omnisense.reasoning.loop.paraphrase import content_words, paraphrase
from omnisense.reasoning.loop.state import (
    LoopSettings,
    State,
    count_tokens,
    evidence,
    heard,
    is_spent,
    perceived,
    recall,
    shortened,
    with_turn,
)
from omnisense.reasoning.policies.base import Policy

OnStream = Callable[[str, Any, float], None]
PerceiveClip = Callable[[dict[str, Any], OnStream | None], str]


class Nodes:
    """The steps, bound to a policy, settings, and a way to turn a clip into the path of its stored percepts."""

    def __init__(self, policy: Policy, settings: LoopSettings, perceive: PerceiveClip) -> None:
        self.policy, self.settings, self._perceive = policy, settings, perceive
        self._decide = Decider(policy, settings).decide

    # --- before the reasoning ---

    def perceive(self, state: State, on_stream: OnStream | None = None) -> State:
        """Turn the clip into stored percepts."""
        return {"percepts": self._perceive(state["clip"] or {}, on_stream)}

    def guard(self, state: State) -> State:
        """Look for risk in everything said and typed. The turn's time budget starts here, after perception."""
        return {"safety": safety.check_input(heard(state)).to_dict(), "started_s": time.time()}

    def care(self, state: State) -> State:
        """Answer a risk: no model is asked."""
        reply = safety.caring_reply(state["safety"]["category"])
        return {
            "response": reply,
            "best": {"text": reply, "score": 1.0, "faults": [], "written_by": "safety gate"},
            "turns": with_turn(state, reply, state["safety"]["category"]),
        }

    # --- appraisal ---

    def characteristics(self, state: State) -> State:
        """Who is here, and how they look and sound: measured, not guessed."""
        percepts, events = perceived(state)
        facts, cited = _who(percepts, events)
        if state.get("typed"):
            facts.append("they wrote a message")
        value = facts[0] if facts else "nobody is seen or heard"
        return {"characteristics": _appraisal(value, "; ".join(facts[1:]), 1.0 if facts else 0.0, events, cited)}

    def emotion(self, state: State) -> State:
        """What is felt: the channels pooled with the policy's choice."""
        percepts, events = perceived(state)
        channels, phases = emotion.measure(percepts, events, state.get("typed", ""))
        if not channels:
            return {
                "emotion": _appraisal(
                    "unknown",
                    "nobody to read a feeling from",
                    0.0,
                    events,
                    (),
                    strength=0.0,
                    earlier=[],
                    conflict="",
                    channels=[],
                    seen="",
                )
            }
        decision = self._decide(state, "What does the person feel now?", list(emotion.EMOTIONS), None)
        felt = emotion.pool(channels, decision.probabilities or None, phases)
        cited = {e for c in channels if c.top == felt.value for e in c.evidence}
        face = next((c for c in channels if c.name == "face" and c.reliability >= 0.4), None)
        detail = "; ".join(f"{c.name}: {c.why} (weight {felt.weights[c.name]:.2f})" for c in channels)
        return {
            "emotion": _appraisal(
                felt.value,
                detail,
                felt.probabilities[felt.value],
                events,
                cited,
                strength=felt.strength,
                since_s=felt.since_s,
                earlier=[list(e) for e in felt.earlier],
                conflict=felt.conflict,
                seen=face.top if face else "",
                channels=[asdict(c) for c in channels],
                weights=felt.weights,
                probabilities=felt.probabilities,
                policy_choice=decision.policy_choice,
                note=decision.note,
            ),
            "spent_tokens": _spent_with(state, decision),
        }

    def context(self, state: State) -> State:
        """What is going on, and what of the conversation bears on it."""
        percepts, events = perceived(state)
        options = _settings_that_fit(percepts, events, state.get("typed", ""))
        decision = self._decide(state, "What kind of situation is this?", options, None)
        spoken = [e for e in events if e.channel == "speech"]
        recalled = recall(state.get("turns", []), state.get("typed") or "")
        detail = f'said: "{shortened(heard(state))}"' if heard(state) else "nothing was said"
        if recalled:
            detail += f'; earlier they said: "{recalled}"'
        summary = self._summary(state)
        if summary:
            detail += f"; in short: {summary}"
        return {
            "context": _appraisal(
                decision.value,
                detail,
                decision.probabilities.get(decision.value, 1.0),
                events,
                {e.id for e in spoken[:3]} or {e.id for e in events[:1]},
                summary=summary,
                recalled=recalled,
                policy_choice=decision.policy_choice,
            ),
            "spent_tokens": _spent_with(state, decision) + count_tokens([], [summary]),
        }

    def need(self, state: State) -> State:
        """What would help."""
        felt = state["emotion"]
        prior = dict(NEEDS[felt["value"]])
        if felt["value"] in ("joy", "neutral") and {name for name, _ in felt["earlier"]} & {"sadness", "fear", "anger"}:
            prior["to be heard"] += 4  # whoever has just wept and now smiles wants both to be seen
        if state.get("typed", "").rstrip().endswith("?"):
            prior["information"] = prior.get("information", 0) + 4
        decision = self._decide(state, "What does the person need most?", list(prior), prior)
        return {
            "need": _appraisal(
                decision.value,
                f"for {state['emotion']['value']}",
                decision.probabilities[decision.value],
                perceived(state)[1],
                _cited_by(state["emotion"]),
                policy_choice=decision.policy_choice,
                probabilities=decision.probabilities,
                note=decision.note,
            ),
            "spent_tokens": _spent_with(state, decision),
        }

    def strategy(self, state: State) -> State:
        """Which feeling to show and which support move to make."""
        prior = dict(SUPPORT_STRATEGIES[state["need"]["value"]])
        if state["emotion"]["value"] in ("neutral", "unknown"):  # there is no feeling to validate or soothe
            prior = {move: prior.get(move, 0.0) + 1.0 for move in ("ask one open question", "offer information")}
        decision = self._decide(state, "How should a caring friend respond?", list(prior), prior)
        shown = SHOWN[state["emotion"]["value"]]
        return {
            "strategy": _appraisal(
                decision.value,
                f"showing {shown}",
                decision.probabilities[decision.value],
                perceived(state)[1],
                _cited_by(state["need"]),
                show=shown,
                policy_choice=decision.policy_choice,
                probabilities=decision.probabilities,
                note=decision.note,
            ),
            "spent_tokens": _spent_with(state, decision),
        }

    # --- reply ---

    def respond(self, state: State, say_token: Callable[[str], None] | None = None) -> State:
        """Write drafts; the plain one, made of the appraisal alone, is always among them."""
        start = self._opening(state)
        plain = f"{start} {prompts.closing(state['strategy']['value'], bool(heard(state)))}"
        drafts = list(state.get("drafts") or [{"text": plain, "written_by": "appraisal"}])
        guided, settings = self.is_guided(), self.settings
        history = prompts.history_messages(state.get("turns", []))
        if guided:
            prompt = prompts.guided_prompt(heard(state), [], start)
        else:
            own = [draft for draft in drafts if draft["written_by"] != "appraisal"]
            faults = max(own, key=lambda draft: draft["score"])["faults"] if own else []
            prompt = prompts.reply_prompt(
                evidence(state, self.settings.timeline_tokens),
                prompts.appraisal_text(dict(state)),
                heard(state),
                history,
                [fault["why"] for fault in faults],
            )
        count = settings.drafts or (6 if guided else 1)
        if is_spent(state, self.settings):
            return {
                "drafts": drafts,
                "notes": [*state.get("notes", []), "the budget was spent before a reply was written"],
            }
        texts = self.policy.write(
            [prompt] * count,
            max_new_tokens=40 if guided else settings.max_reply_tokens,
            temperature=settings.temperature,
            stop=["\n"] if guided else (),
            seed=settings.seed + 1000 * len(state.get("turns", [])) + state.get("revisions", 0),
            on_token=say_token,
        )
        for text in texts:
            whole = f"{start} {_first_sentence(text)}".strip() if guided else text.strip()
            drafts.append({"text": whole, "written_by": self.policy.name})
        return {"drafts": drafts, "spent_tokens": state.get("spent_tokens", 0) + count_tokens([prompt] * count, texts)}

    def reflect(self, state: State) -> State:
        """Judge every draft; keep the best so far. The plain draft wins only over drafts with faults."""
        context = self._reply_context(state)
        judged = []
        for draft in state["drafts"]:
            own = draft["written_by"] != "appraisal"
            faults = checks.find_faults(draft["text"], context if own else replace(context, opening=""))
            unsafe = safety.check_reply(draft["text"])
            if unsafe:
                faults.append(checks.Fault("unsafe", unsafe, 1.0))
            judged.append(draft | {"score": checks.score(faults), "faults": [f._asdict() for f in faults]})
        best = max(judged, key=lambda d: (d["score"], d["written_by"] != "appraisal", -len(d["text"])))
        return {"drafts": judged, "best": best, "revisions": state.get("revisions", 0) + 1}

    def wants_revision(self, state: State) -> bool:
        """Whether to write again: faults in the best draft, and revisions, tokens and time left."""
        own = [d for d in state["drafts"] if d["written_by"] != "appraisal"]
        good = any(d["score"] >= 1.0 for d in own)
        return not good and state["revisions"] <= self.settings.max_revisions and not is_spent(state, self.settings)

    def release(self, state: State) -> State:
        """The gate after the reasoning: an unsafe reply is replaced, and the turn joins the conversation."""
        reply = state["best"]["text"]
        found = dict(state["safety"])
        harm = safety.check_reply(reply)
        if harm:
            found |= {"reply_replaced": harm, "escalate": True}
            reply = safety.caring_reply("")
        return {"response": reply, "safety": found, "turns": with_turn(state, reply, state["emotion"]["value"])}

    # --- helpers ---

    def is_guided(self) -> bool:
        """Whether replies continue an opening written from the appraisal."""
        if self.settings.guided is not None:
            return self.settings.guided
        return self.policy.needs_guidance

    def _opening(self, state: State) -> str:
        spoken = " ".join(emotion.quote_of(e) for e in perceived(state)[1] if e.channel == "speech")
        return prompts.opening(
            state["emotion"], state.get("typed", ""), spoken, _scene(perceived(state)[0]), state["context"]["recalled"]
        )

    def _reply_context(self, state: State) -> checks.ReplyContext:
        felt = state["emotion"]
        seen = {c["name"] and max(c["probabilities"], key=c["probabilities"].__getitem__) for c in felt["channels"]}
        fitting = checks.feelings_that_fit(felt["value"], {*seen, *(name for name, _ in felt["earlier"])} - {"neutral"})
        if not self.is_guided():
            return checks.ReplyContext(heard(state), fitting)
        start = self._opening(state)
        return checks.ReplyContext(
            heard(state),
            fitting,
            start,
            asks="question" in state["strategy"]["value"],
            known=frozenset(content_words(f"{heard(state)} {start}")),
        )

    def _summary(self, state: State) -> str:
        """One sentence on what is going on; a small model is not trusted with it."""
        if self.is_guided() or is_spent(state, self.settings) or not heard(state):
            return ""
        prompt = prompts.summary_prompt(evidence(state, self.settings.timeline_tokens))
        return self.policy.write([prompt], max_new_tokens=60)[0].strip()


def _appraisal(
    value: str, detail: str, confidence: float, events: Sequence[Event], cited: Any, **extra: Any
) -> dict[str, Any]:
    spans = [{"id": e.id, "start_s": e.start_s, "end_s": e.end_s, "text": e.text} for e in events if e.id in set(cited)]
    if "typed" in set(cited):
        spans.append({"id": "typed", "start_s": None, "end_s": None, "text": "what the person wrote"})
    return {"value": value, "detail": detail, "confidence": round(confidence, 3), "evidence": spans, **extra}


def _cited_by(appraisal: dict[str, Any]) -> set[str]:
    return {span["id"] for span in appraisal["evidence"]}


def _who(percepts: Percepts | None, events: Sequence[Event]) -> tuple[list[str], set[str]]:
    facts: list[str] = []
    cited: set[str] = set()
    if percepts and isinstance(percepts.visual, VisualStream):
        faces = percepts.visual.faces
        main = emotion.main_face(percepts.visual)
        if main is None:
            facts.append("no face is visible")
        elif len(faces) == 1:
            facts.append(f"one person, {face_name(main, faces)}")
        else:
            facts.append(f"{len(faces)} faces in the clip, foremost {face_name(main, faces)}")
        cited |= {e.id for e in events if e.channel in ("face", "scene")}
    if percepts and isinstance(percepts.audio, AudioStream):
        base = percepts.audio.baseline
        if percepts.audio.speech:
            pitch = f", voice around {base.f0_hz:.0f} Hz" if base.f0_hz else ""
            spoken_s = sum(s.duration_s for s in percepts.audio.speech)
            voices = {turn.voice for turn in percepts.audio.voices}
            who = f"{len(voices)} people speak" if len(voices) > 1 else "somebody speaks"
            facts.append(f"{who} for {spoken_s:.1f} s{pitch}")
        else:
            facts.append("nobody speaks")
        cited |= {e.id for e in events if e.channel in ("speech", "voice")}
    cited |= {e.id for e in events if e.channel == "person"}
    return facts, cited


def _scene(percepts: Percepts | None) -> str:
    """What to say of a clip in which nobody is seen or heard."""
    if percepts is None or not isinstance(percepts.visual, VisualStream):
        return "I listened, and I could not hear anybody speak." if percepts else ""
    if percepts.visual.faces:
        return "I can see you."
    moving = (
        "I can see something moving" if max(percepts.visual.motion, default=0.0) > 0.01 else "I can see a still scene"
    )
    return f"{moving}, though no face, and I hear nobody speak."


def _settings_that_fit(percepts: Percepts | None, events: Sequence[Event], typed: str) -> list[str]:
    """The kinds of situation that what was measured leaves open: the policy chooses among these only."""
    if percepts is None:
        return ["a written message"]
    faces = len(percepts.visual.faces) if isinstance(percepts.visual, VisualStream) else 0
    speaks = any(e.channel == "speech" for e in events) or (
        isinstance(percepts.audio, AudioStream) and bool(percepts.audio.speech)
    )
    if faces == 1 and speaks:
        says_i = bool(paraphrase(" ".join(emotion.quote_of(e) for e in events if e.channel == "speech")))
        return ["talking to the camera"] if says_i else ["talking to the camera", "reading something aloud"]
    if faces and speaks:
        return ["talking together", "a meeting"]
    if faces:
        return ["showing a feeling without words"] if not typed else ["a picture or clip sent with a message"]
    return ["a voice recording"] if speaks else ["a scene without a visible face"]


def _first_sentence(text: str) -> str:
    """A continuation's first finished sentence; small models lose the thread after it."""
    ends = [i for i, c in enumerate(text) if c in ".!?" and (i + 1 == len(text) or text[i + 1] in " \n\"'")]
    return text[: ends[0] + 1].strip() if ends else text.strip()


def _spent_with(state: State, decision: Decision) -> int:
    return state.get("spent_tokens", 0) + decision.tokens
