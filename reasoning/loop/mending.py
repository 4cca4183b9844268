"""Mends a reply by leaving out the sentences that bring a fault, where what remains still answers the person.

Asking a policy for a second reply costs as much as the first one, and a small model often writes a worse one.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace

from omnisense.reasoning.loop.appraisal import Draft, Fault
from omnisense.text import split_sentences

_LEAST_WORDS, _LEAST_SHARE = 4, 0.3  # of the reply's words; less of it is no answer any more


def mend(draft: Draft, find_faults: Callable[[str], Sequence[Fault]], is_asked: bool) -> Draft:
    """Return a draft without the sentences that bring a fault; the draft itself where nothing usable remains.

    Args:
        draft: checked, with faults.
        find_faults: of a reply.
        is_asked: whether the person asked for something, which questions alone do not answer.
    """
    kept: list[str] = []
    text = draft.text
    for sentence in split_sentences(draft.text):
        if find_faults(" ".join([*kept, sentence])):
            before, _, after = text.rpartition(sentence)  # of two that are alike the second one goes
            text = f"{before.rstrip(' ')} {after.lstrip(' ')}".strip()
        else:
            kept.append(sentence)
    words = sum(len(sentence.split()) for sentence in kept)
    is_answer = not is_asked or any(not sentence.endswith("?") for sentence in kept)
    if not is_answer or words < max(_LEAST_WORDS, _LEAST_SHARE * len(draft.text.split())):
        return draft
    return replace(draft, text=text, score=1.0, faults=(), raw=_with_reply(draft.raw, draft.text, text))


def _with_reply(raw: str, before: str, after: str) -> str:
    """Return what the policy wrote with another reply in it, so that later prompts show what the person was told."""
    for ascii_only in (False, True):
        written = json.dumps(before, ensure_ascii=ascii_only)[1:-1]
        if raw.count(written) == 1:
            return raw.replace(written, json.dumps(after, ensure_ascii=ascii_only)[1:-1])
    return ""
