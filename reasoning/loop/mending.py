"""Mends a reply: sentences that bring a fault are left out, and the person's own words are said to them, not as them.

Asking a policy for a second reply costs as much as the first one, and a small model often writes a worse one.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from difflib import SequenceMatcher

from omnisense.reasoning.language import detect_language
from omnisense.reasoning.loop.appraisal import Draft, Fault
from omnisense.reasoning.loop.guided.shorthand import written_out
from omnisense.reasoning.loop.paraphrase import to_second_person
from omnisense.reasoning.loop.requests import request_of, without_open_item
from omnisense.text import split_sentences

_LEAST_WORDS, _LEAST_SHARE = 4, 0.3  # of the reply's words; less of it is no answer any more

# A sentence is the person's own from so many of their words in a row on, and so great a share of it.
_OWN_WORDS, _OWN_SHARE = 3, 0.8
_FIRST_PERSON = re.compile(r"\b(?:i|i'm|i've|i'd|i'll|my|me|we|we're|we've|our|us)\b", re.IGNORECASE)


def addressed(reply: str, said: str) -> str:
    """Return a reply in which sentences that the person said of themself are said of them: "I feel flat" is "you".

    Small models say the person's words again as if they were their own. Whoever asks for a text may want them so.

    Args:
        reply: in English; in another language it stays as it is.
        said: the person's words.
    """
    own = re.findall(r"[\w']+", written_out(said).lower())
    if not own or request_of(said) or detect_language(reply) not in ("", "en"):
        return reply
    for sentence in split_sentences(reply):
        words = re.findall(r"[\w']+", sentence.lower().replace("\u2019", "'"))
        if sentence.endswith("?") or not _FIRST_PERSON.search(sentence) or '"' in sentence:
            continue
        blocks = SequenceMatcher(None, words, own, autojunk=False).get_matching_blocks()
        is_long = max(block.size for block in blocks) >= min(_OWN_WORDS, len(words))
        if is_long and sum(block.size for block in blocks) >= _OWN_SHARE * len(words):
            turned = (
                to_second_person(sentence.replace("\u2019", "'").rstrip(".!")) + sentence[len(sentence.rstrip(".!")) :]
            )
            reply = reply.replace(sentence, turned[:1].upper() + turned[1:])
    return reply


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
    text = without_open_item(text)
    words = sum(len(sentence.split()) for sentence in kept)
    is_answer = not is_asked or any(not sentence.endswith("?") for sentence in kept)
    if not is_answer or words < max(_LEAST_WORDS, _LEAST_SHARE * len(draft.text.split())):
        return draft
    return replace(draft, text=text, score=1.0, faults=(), raw=_with_reply(draft.raw, draft.text, text))


def with_text(draft: Draft, text: str) -> Draft:
    """Return a draft with another text, also in what the policy wrote."""
    return replace(draft, text=text, raw=_with_reply(draft.raw, draft.text, text)) if text != draft.text else draft


def _with_reply(raw: str, before: str, after: str) -> str:
    """Return what the policy wrote with another reply in it, so that later prompts show what the person was told."""
    for ascii_only in (False, True):
        written = json.dumps(before, ensure_ascii=ascii_only)[1:-1]
        if raw.count(written) == 1:
            return raw.replace(written, json.dumps(after, ensure_ascii=ascii_only)[1:-1])
    return ""
