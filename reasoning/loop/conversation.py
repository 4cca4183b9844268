"""A conversation: its turns, as they are remembered, and what a question recalls of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from omnisense.perception.media.clip import Clip, open_clip
from omnisense.reasoning.loop.appraisal import EmotionValue
from omnisense.reasoning.loop.notes import Note, is_name
from omnisense.reasoning.loop.paraphrase import first_words
from omnisense.reasoning.search import similarities
from omnisense.text import quote, split_sentences

_MAX_WORDS = 30
# Similarity from which something said earlier is what a question asks about: less where it says that it was told.
_NEAR, _NEAR_IF_TOLD = 0.42, 0.3
_SAME = 0.6  # of a question that need not be about the conversation: "Where does my sister live?"
_ASKS = re.compile(
    r"^(?:and |so |but |hey |ok |okay |well )*(?:what|who|where|when|which|why|how|do|did|does|can|could|have|has|is|"
    r"was|are|were|tell me|remind me|repeat)\b|\?\s*$",
    re.IGNORECASE,
)
# Words of a question that is about the conversation itself rather than about the world.
_ABOUT_MEMORY = re.compile(
    r"\b(?:(?:you|we) (?:still |even |ever )?(?:remember|recall)|^(?:remember|recall)|remind me (?!to\b)|"
    r"you(?:'ve| have)? (?:already )?forg[eo]t(?:ten)?|i(?:'ve| have| had| just| already| once)? (?:told|tell) you|"
    r"you (?:told|mentioned|said)|earlier|(?:at|in) the (?:very )?beginning|"
    r"(?:did|have|had) i (?:ever |just |already |first )?(?:say|said|tell|told|mention(?:ed)?|ask(?:ed)?|write|wrote)|"
    r"(?:what|who|where|when|which|how)\b[^,;]{0,40}\bi (?:said|told|mentioned|asked|wrote)\b|"
    r"(?:we|i) (?:talk|talked|spoke) about|last time (?:we|i)|"
    r"(?:what|who|where|when|which)(?:'s| is| was| are| were) my\b|how old (?:am i|is my)|who am i|know my|"
    r"(?:what|where|when) do i (?:do for|work|live|study|come from|like|love|hate|play)|you know about me)",
    re.IGNORECASE,
)
_ABOUT_THEIRS = re.compile(r"^(?:and |so |but )*(?:where|when|who|what|which|how)\b.*\bmy\b.*\?\s*$", re.IGNORECASE)
_TOLD = re.compile(
    r"\b(?:remember|recall|remind|told|tell|said|say|mention|mentioned|ask|asked|earlier)\b", re.IGNORECASE
)
# "Where did I say I'm going?" is nearer to what was said without its frame.
_DID_I_SAY = re.compile(
    r"\b(?:did|have|had) i (?:ever |just |already |first )?(?:say|said|tell you|told you|mention(?:ed)?)(?: that)? "
    r"(?=(?:i|i'm|i've|we|we're|my|our)\b)",
    re.IGNORECASE,
)
_MY_NAME = re.compile(r"\bmy (?:own |first |last )?name\b|\bwho am i\b|\bam i called\b", re.IGNORECASE)
_FIRST = re.compile(r"\b(?:first|beginning|at the start)\b", re.IGNORECASE)
_LAST = re.compile(r"\b(?:just|a moment ago|last)\b", re.IGNORECASE)
# What remains of "what did I say first?" when these are taken away is what it asks about: nothing.
_PLAIN = frozenset(
    "and so but hey ok okay well please what which was is were the very a an thing things did do does have had i you "
    "me my we it that this say said saying tell told telling mention mentioned ask asked write wrote first last just "
    "beginning at start in to of about can could remember recall remind earlier then again your now moment ago".split()
)


@dataclass(frozen=True)
class ClipReference:
    """A clip, or a window of one, by path; times in seconds from the start of the file.

    Attributes:
        sha256: of the file, by which its percepts are found when they are to be forgotten; empty if not yet known.
    """

    path: str
    start_s: float
    end_s: float
    sha256: str = ""

    @classmethod
    def of(cls, clip: Clip, sha256: str = "") -> ClipReference:
        """Return the reference of an open clip."""
        return cls(str(clip.path.resolve()), clip.start_s, clip.start_s + clip.duration_s, sha256)

    def open(self) -> Clip:
        """Open the clip again.

        Raises:
            MediaError: it cannot be opened, or has become shorter than the window.
        """
        clip = open_clip(Path(self.path))
        return clip if clip.kind == "image" else clip[self.start_s : self.end_s]


@dataclass(frozen=True)
class Turn:
    """One turn of a conversation.

    Attributes:
        heard: everything the person said in the clip and typed.
        typed: what they typed.
        clip: the clip; None for a turn of text.
        reply: the agent's reply.
        emotion: the appraised emotion; ``unknown`` when the safety gate answered.
        risk: the kind of risk that the safety gate found.
        interrupted: whether the person cut the reply short; ``reply`` is what they heard of it.
        asked: the message that a leading policy was sent for a turn of text, and ``written`` the list in which it gave
            this reply: later prompts repeat both as they were, so that a cached prefix holds. Empty where the reply was
            made otherwise.
        written: see ``asked``.
        malformed: how many texts of the policy were neither a whole list nor a reply that passed the checks.
        doubtful: whether the risk was not sure, and the reply asks about it.
    """

    heard: str
    typed: str
    clip: ClipReference | None
    reply: str
    emotion: EmotionValue = "unknown"
    risk: str | None = None
    interrupted: bool = False
    asked: str = ""
    written: str = ""
    malformed: int = 0
    doubtful: bool = False


def recall(turns: Sequence[Turn], typed: str, notes: Sequence[Note] = ()) -> str:
    """Return what the person said earlier that their question asks about; empty when it asks about nothing earlier.

    Only a question about the conversation is searched for ("What did I say first?", "Do you remember my dog?"), and one
    about somebody or something of theirs ("Where does my sister live?"), where only what is near in meaning counts: the
    other turns cost nothing.
    """
    if not asks_to_recall(typed):
        theirs = turns and _ABOUT_THEIRS.search(typed.strip())
        found, _ = recall_turns(turns, notes, typed, limit=1, quoted=False, near=_SAME) if theirs else ([], "")
        return found[0] if found else ""
    if _MY_NAME.search(typed):
        named = [note.text for note in notes if is_name(note.text)]
        if named:
            return named[-1]
    spoken = [turn.heard for turn in turns if turn.heard.strip()]
    if spoken and not _topic(typed):
        told = [heard for heard in spoken if not asks_to_recall(heard)]
        if told and (_FIRST.search(typed) or _LAST.search(typed)):
            return first_words(told[0 if _FIRST.search(typed) else -1], _MAX_WORDS)
    near = _NEAR_IF_TOLD if _TOLD.search(typed) else _NEAR
    found, _ = recall_turns(turns, notes, _DID_I_SAY.sub("", typed), limit=1, quoted=False, near=near)
    return found[0] if found else ""


def asks_to_recall(typed: str) -> bool:
    """Whether a sentence of a message asks about what was said earlier in the conversation."""
    sentences = split_sentences(typed.replace("\u2019", "'"))
    return any(_ASKS.search(sentence) and _ABOUT_MEMORY.search(sentence) for sentence in sentences)


def recall_turns(
    turns: Sequence[Turn],
    notes: Sequence[Note],
    query: str,
    limit: int = 3,
    quoted: bool = True,
    near: float | None = None,
) -> tuple[list[str], str]:
    """Return what the person said or told that is nearest to a query, the best first.

    Args:
        turns: of the conversation, searched sentence by sentence.
        notes: what the person told about themselves.
        query: what to recall, in words.
        limit: upper bound on the number of sentences.
        quoted: whether each is told with its turn, as ``turn 3, the person: "..."``, or as it was said.
        near: least similarity; by default less where the query says that it was told.

    Returns:
        The sentences, and a note on the search where it is out of the ordinary.
    """
    said = [(note.text, note.turn) for note in notes]
    said += [(part, i) for i, turn in enumerate(turns) if not asks_to_recall(turn.heard) for part in _parts(turn.heard)]
    scores, note = similarities(query, [text for text, _ in said])
    if near is None:
        near = _NEAR_IF_TOLD if quoted or _TOLD.search(query) else _NEAR
    best: dict[str, int] = {}
    for i in sorted(range(len(said)), key=lambda i: -float(scores[i])):
        if float(scores[i]) >= near and len(best) < limit:
            best.setdefault(said[i][0], said[i][1])
    if not quoted:
        return list(best), note
    return [f"turn {turn + 1}, the person: {quote(text)}" for text, turn in best.items()], note


def _topic(typed: str) -> set[str]:
    """Return the words that say what a question about the conversation is about."""
    return set(re.findall(r"\w+", typed.lower())) - _PLAIN


def _parts(text: str) -> list[str]:
    """Split what was said in a turn into passages of sentences, of about 30 words at most."""
    parts: list[str] = []
    for sentence in re.split(r"(?<=[.!?])\s+|\n+", text.strip()):
        words = sentence.split()
        if parts and len(parts[-1].split()) + len(words) <= _MAX_WORDS // 2:
            parts[-1] = f"{parts[-1]} {sentence}"
        else:
            parts += [" ".join(words[i : i + _MAX_WORDS]) for i in range(0, len(words), _MAX_WORDS)]
    return parts
