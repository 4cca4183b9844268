"""Whose voice a reply speaks in: small models say the person's words again, or tell of a life of their own."""

from __future__ import annotations

import re
from difflib import SequenceMatcher

from omnisense.text import split_sentences

_ECHO_SHARE = 0.8  # of a sentence's words, in the person's order: it says theirs again
_ECHO_WORDS = 12  # a shorter restatement may show that they were heard
# Words that change when a sentence is said to the person instead of by them.
_TURNED = frozenset(
    "i me my mine myself we us our ours ourselves you your yours yourself yourselves am are was were is im ive youre "
    "youve weve were id youd".split()
)
# What a program may say of itself: that it listens, wishes, thinks, offers or cannot.
_FITS_A_PROGRAM = (
    r"(?:so |very |really |truly |just |also |always |only |glad to be )*"
    r"(?:sorry|glad|happy|pleased|delighted|thrilled|here|listening|wondering|curious|hoping|rooting|proud|with you"
    r"|thinking of you|not (?:able|sure|a|an|allowed)|unable|sure|certain|afraid (?:i|that|not)|an? |called|made|able"
    r"|all ears|keeping|sending|impressed|touched|moved|honou?red|confident|concerned|worried (?:about|for) you)"
)
_TELLS_OF_ITSELF = re.compile(
    rf"\b(?:i(?:'m| am)|we(?:'re| are)) (?!{_FITS_A_PROGRAM}\b)"
    r"|\bi(?:'ve| have)? (?:also |still |just |really |often )*(?:feel(?! for you| with you)|felt|miss|went|worked"
    r"|slept|been (?!trained|built|made|told|given)|(?:was|had) (?!wondering|made|built|trained|hop(?:ed|ing)|asking"
    r"|not))|\b(?:i|we)(?:'ll| will) (?:also |try to |be sure to )*(?:communicate|contact|call|ring|phone|speak to"
    r"|take steps|ensure|come|visit|clean|go|send|check on|fix|repair|welcome)\b|\bas our (?:guest|customer|client)"
    r"|\bmy (?!(?:own )?(?:name|apologies|apology|condolences|sympath|heart|pleasure|answer|reply|advice|suggestion"
    r"|mistake|thoughts|best|guess|understanding|view|opinion|knowledge|training|wish|hope|question|goodness|word|god"
    r"|dear|friend|turn))\w+",
    re.IGNORECASE,
)


def echoed(reply: str, said: str) -> str:
    """Return the first sentence of a reply that only says the person's words again; empty where they are few.

    Args:
        reply: to the person.
        said: what the person said.
    """
    own, found = _words(said), []
    for sentence in split_sentences(reply):
        words = _words(sentence)
        if not words or sentence.endswith("?"):
            continue
        blocks = SequenceMatcher(None, words, own, autojunk=False).get_matching_blocks()
        if sum(block.size for block in blocks) >= _ECHO_SHARE * len(words):
            found.append(sentence)
    return found[0] if sum(len(sentence.split()) for sentence in found) >= _ECHO_WORDS else ""


def tells_of_itself(reply: str) -> str:
    """Return where a reply tells of a life that a program does not have ("I feel angry", "my boss"); else empty.

    Args:
        reply: in English; what it quotes is not read.
    """
    found = _TELLS_OF_ITSELF.search(re.sub(r'"[^"]*"', " ", reply.replace("\u2019", "'")))
    return found.group(0).strip() if found else ""


def _words(text: str) -> list[str]:
    plain = text.lower().replace("\u2019", "'").replace("'", "")
    return [word for word in re.findall(r"\w+", plain) if word not in _TURNED]
