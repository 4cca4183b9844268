"""All prompts of the loop, and the opening that guides small models."""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.reasoning.loop.appraisal import Emotion, EmotionName, EmotionValue, EvidenceSpan, StrategyValue
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.paraphrase import excerpt, paraphrase
from omnisense.reasoning.policies.messages import Message, Messages, message

_SMALL_RULES = (
    "You are a kind friend who listens. Reply in two short sentences. Name what the person feels, and care "
    "about it. Give no advice."
)
_CLEAR = 0.35  # strength from which a feeling is named without "perhaps"
_LOOKED_CHARS = 2_400  # of everything that was looked at again
_NO_EVIDENCE = "(nothing is known)"
_ADJECTIVES: dict[EmotionValue, str] = {
    "sadness": "sad",
    "joy": "happy",
    "anger": "angry",
    "fear": "afraid",
    "disgust": "put off",
    "surprise": "surprised",
    "neutral": "calm",
    "unknown": "",
}
# A support strategy in one sentence: for a person who spoke or wrote, and for a silent face.
CLOSINGS: dict[StrategyValue, tuple[str, str]] = {
    "reflect the feeling": ("Would you like to tell me more about it?", "Would you like to tell me about it?"),
    "validate": ("Anyone might feel that way.", "Whatever you feel is all right."),
    "ask one open question": ("What would you like to tell me about it?", "What is on your mind?"),
    "reassure": ("You do not have to go through it alone.", "You are not alone."),
    "share the joy": ("I would love to hear more about it.", "What brought that smile?"),
    "offer information": ("What would you most like to know?", "Is there something you would like to know?"),
    "give space": ("Take all the time you need.", "Take all the time you need."),
    "encourage": ("You have come this far, and that counts.", "You have come this far, and that counts."),
}


def decision_prompt(evidence: str, question: str, options: Sequence[str]) -> Messages:
    """Return a prompt whose reply is one of ``options``."""
    return [
        message("user", f"{evidence}\n\nQuestion: {question}\nOptions: {'; '.join(options)}.\nAnswer with one option.")
    ]


def calibration_prompt(question: str, options: Sequence[str]) -> Messages:
    """Return the same decision without evidence, to measure which options a model favors for their wording alone."""
    return decision_prompt(_NO_EVIDENCE, question, options)


def evidence_text(rendered: str, typed: str, looked: str = "") -> str:
    """Return what is known in this turn: the rendered timeline, what was looked at again, and what they typed."""
    parts = [f"Notes on the clip:\n{rendered}"] if rendered else []
    if looked:
        parts.append(f"Looked at again for this message:\n{looked}")
    if typed:
        parts.append(f'The person wrote: "{typed}"')
    return "\n".join(parts) or _NO_EVIDENCE


def looked_text(spans: Sequence[EvidenceSpan]) -> str:
    """Return what was looked at again, one span a line with the id that an answer cites."""
    text = ""
    for span in spans:
        if len(text) + len(span.line()) > _LOOKED_CHARS:
            return f"{text}(more was found)"
        text += f"{span.line()}\n"
    return text.rstrip("\n")


def guided_prompt(heard: str, history: Messages, opening: str) -> Messages:
    """Return the prompt of a small model, which continues an opening written from the appraisal."""
    return [
        message("system", _SMALL_RULES),
        *history,
        message("user", heard or "(says nothing)"),
        message("assistant", opening),
    ]


def history_messages(turns: Sequence[Turn], keep: int = 6) -> Messages:
    """Return earlier turns as messages: the first, which often says who the person is, and the latest."""
    kept = list(turns) if len(turns) <= keep else [turns[0], *turns[-(keep - 1) :]]
    messages: list[Message] = []
    for turn in kept:
        messages += [message("user", turn.heard or "(said nothing)"), message("assistant", turn.reply)]
    return messages


# --- guidance for small models ------------------------------------------------------------------------------


def opening(emotion: Emotion, typed: str, spoken: str, scene: str = "", recalled: str = "") -> str:
    """Return the first sentence or two of a reply, true by construction: what was said, what is seen, what is felt.

    Args:
        emotion: as appraised.
        typed: what the person wrote; it is preferred to what they said in the clip.
        spoken: what they said.
        scene: a sentence about the clip, for when nobody is seen or heard.
        recalled: what they said in an earlier turn and now ask about.
    """
    if recalled:
        return f'I remember. You told me: "{recalled}"'
    words = typed or spoken
    parts = [
        _respond_to_words(emotion, paraphrase(words), words) if words else "",
        _respond_to_face(emotion, bool(words)),
    ]
    return " ".join(part for part in parts if part) or scene or "I am here with you."


def closing(strategy: StrategyValue, has_words: bool) -> str:
    """Return a last sentence that carries out the strategy, for when no draft can."""
    with_words, without = CLOSINGS[strategy]
    return with_words if has_words else without


def _respond_to_words(emotion: Emotion, paraphrased: str, words: str) -> str:
    value = emotion.value
    if not paraphrased:
        quoted = f'I heard you say "{excerpt(words)}."'.replace('...."', '..."')
        clear = value not in ("neutral", "unknown", emotion.face_emotion) and emotion.strength >= _CLEAR
        return f"{quoted} It sounds as if you feel {emotion.adjective}." if clear else quoted
    sentences: dict[EmotionValue, str] = {
        "sadness": f"I am so sorry that {paraphrased}.",
        "joy": f"I am so glad to hear that {paraphrased}!",
        "anger": f"It makes sense to be angry: {paraphrased}.",
        "fear": f"That sounds frightening: {paraphrased}.",
        "disgust": f"That sounds really unpleasant: {paraphrased}.",
        "surprise": f"What a surprise that {paraphrased}!",
    }
    return sentences.get(value, f"I hear that {paraphrased}.")


def _respond_to_face(emotion: Emotion, has_words: bool) -> str:
    face: EmotionName | None = emotion.face_emotion
    if face is None:
        return ""
    now = _ADJECTIVES.get(face, face)
    before = [
        _ADJECTIVES.get(phase.value, phase.value) for phase in emotion.earlier if phase.value not in (face, "neutral")
    ]
    if before:
        return f"At first you looked {' and then '.join(dict.fromkeys(before))}, and now you look {now}."
    if face == "neutral":
        return "You seem calm." if not has_words or emotion.value == "neutral" else ""
    if has_words and face != emotion.value:
        return f"You look {now} as you say it."
    return f"You look {now}." if emotion.strength >= _CLEAR else f"You look perhaps a little {now}."
