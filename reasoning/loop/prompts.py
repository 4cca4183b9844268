"""All prompts of the loop.

What others wrote or said is data in them: it is quoted, or one line of a list (:mod:`omnisense.text`), so that it
cannot end what it stands in. Earlier turns are messages of their own, which only the chat template can end.
"""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.reasoning.loop.appraisal import EvidenceSpan
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.paraphrase import first_words
from omnisense.reasoning.media import with_media
from omnisense.reasoning.policies.messages import Messages, Part, message
from omnisense.text import quote

_SMALL_RULES = (
    "You are a kind friend who listens. Reply in two short sentences. Name what the person feels, and care "
    "about it. Give no advice."
)
_LOOKED_CHARS = 2_400  # of everything that was looked at again
_NO_EVIDENCE = "(nothing is known)"


def decision_prompt(evidence: str, question: str, options: Sequence[str]) -> Messages:
    """Return a prompt whose reply is one of ``options``."""
    return [
        message("user", f"{evidence}\n\nQuestion: {question}\nOptions: {'; '.join(options)}.\nAnswer with one option.")
    ]


def calibration_prompt(question: str, options: Sequence[str]) -> Messages:
    """Return the same decision about words without content, to measure which options a model favors for their wording.

    They have the form of evidence: against a note that nothing is known, a small model's bias is another one.
    """
    return decision_prompt(evidence_text("", "N/A"), question, options)


def evidence_text(rendered: str, typed: str, looked: str = "") -> str:
    """Return what is known in this turn: the rendered timeline, what was looked at again, and what they typed."""
    parts = [f"Notes on the clip:\n{rendered}"] if rendered else []
    if looked:
        parts.append(f"Looked at again for this message:\n{looked}")
    if typed:
        parts.append(f"The person wrote: {quote(typed)}")
    return "\n".join(parts) or _NO_EVIDENCE


def looked_text(spans: Sequence[EvidenceSpan]) -> str:
    """Return what was looked at again, one span a line with the id that an answer cites."""
    text = ""
    for span in spans:
        if len(text) + len(span.line()) > _LOOKED_CHARS:
            return f"{text}(more was found)"
        text += f"{span.line()}\n"
    return text.rstrip("\n")


def short_history(turns: Sequence[Turn], keep: int = 2, max_words: int = 30) -> Messages:
    """Return the latest turns as messages, shortened: a small model loses its way in more."""
    messages: Messages = []
    for turn in turns[-keep:]:
        messages.append(message("user", first_words(turn.heard, max_words) or "(says nothing)"))
        messages.append(message("assistant", first_words(turn.reply, max_words)))
    return messages


def guided_prompt(heard: str, history: Messages, opening: str, media: Sequence[Part] = ()) -> Messages:
    """Return the prompt of a small model, which continues an opening written from the appraisal."""
    return [
        message("system", _SMALL_RULES),
        *history,
        with_media(message("user", heard or "(says nothing)"), media),
        message("assistant", opening),
    ]
