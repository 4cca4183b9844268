"""What the agent reads in a person's words before it answers: the act, the valence, and in which manner it is said."""

from __future__ import annotations

import functools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np

from omnisense import models
from omnisense.errors import ModelError
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text import EMBEDDING, ShippedTextClassifier, load_embedder
from omnisense.perception.registry import TORCH_LOCK
from omnisense.reasoning.language import detect_language
from omnisense.reasoning.loop import irony
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.loop.guided.act import HEAD, Act, choose_act
from omnisense.reasoning.loop.guided.emoji import emoji_words, is_emoji_only, without_emoji
from omnisense.reasoning.loop.paraphrase import split_clauses

Valence = Literal["positive", "negative", "neutral"]
Manner = Literal["plain", "ironic", "open", "understated"]
WITHOUT_EMBEDDING = f"'{EMBEDDING}' is not here: what the person asks for was read from patterns alone"
# Labels of GoEmotions that show gladness; desire and approval count as positive too, and are none.
_GLAD = frozenset("joy excitement gratitude pride relief admiration love amusement".split())
_MAX_CLAUSES = 12  # of a long text, the first and the last
_POSITIVE, _NEGATIVE = 0.2, -0.08  # sentiment from which words count as either; a cheerful mistake is the worse one
_COUNTERFACTUAL = re.compile(
    r"\b(should|could|would) have\b|\bif only\b|\bi wish\b|\balmost\b|\bnearly\b", re.IGNORECASE
)
_FINE = re.compile(
    r"\b(?:it'?s|i'?m|that'?s|everything(?:'?s| is)|we'?re|it is|i am) (?:all |just |really |totally )?"
    r"(?P<word>fine|ok|okay|alright|all right|no big deal|nothing|not a big deal|used to it)\b|\bno worries\b",
    re.IGNORECASE,
)
_NOT_FINE = re.compile(
    r"\b(pretend\w*|act(ing)? like|not|isn't|never|as if)\b[^.!?]{0,25}\b(fine|ok|okay|all ?right)\b", re.I
)
_SIGH = re.compile(r"^(ugh+|argh+|meh|sigh|damn( it)?|oh no|hm+f)[\s.!]*$", re.IGNORECASE)
_CHILD = re.compile(
    r"\b(mommy|mummy|daddy|recess|my teddy|(got|get) a (gold )?star"
    r"|i ?'?a?m ([3-9]|1[0-2])( years old)?\b(?! ?(%|am|pm|km|kg|minutes|hours)))",
    re.IGNORECASE,
)
_RELATIONS = (
    "brother sister mother mom mum father dad son daughter husband wife partner boyfriend girlfriend friend boss "
    "grandma grandmother grandpa grandfather aunt uncle cousin neighbour neighbor roommate flatmate colleague "
    "co-worker coworker supervisor teacher child kid baby team niece nephew classmate"
).split()
_THIRD = re.compile(
    rf"^(?:my|our|a)(?: (?:best|little|big|older|younger|dear|new|old|poor|good))?(?: [a-z]+)??"
    rf" (?P<relation>{'|'.join(_RELATIONS)})\b(?!'s)(?! of mine's)",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"\b(?:my|our)(?: [a-z]+)?? (?P<relation>{'|'.join(_RELATIONS)})\b", re.IGNORECASE)
_TO_SELF = re.compile(r"\b(i|i'm|me|my|mine|myself|us|our)\b", re.IGNORECASE)
_FEMALE = set("sister mother mom mum daughter wife girlfriend grandma grandmother aunt niece".split())
_MALE = set("brother father dad son husband boyfriend grandpa grandfather uncle nephew".split())


class Clause(NamedTuple):
    """A clause of the person's words, and its sentiment: -1 (negative) to 1 (positive)."""

    text: str
    sentiment: float


@dataclass(frozen=True)
class Reading:
    """What was read in the person's words.

    Attributes:
        text: the words, emoji as words.
        language: an ISO 639-1 code; empty where nothing shows it.
        act: what the person does with them.
        valence: of the whole.
        manner: whether they mean what they say; ``open`` where nothing tells.
        clauses: the statements among them.
        word: what is said in irony ("great"), or may be, or to play it down ("fine").
        relation: whom of the person's people they are about ("sister"); empty when about themself.
        is_unreal: whether they speak of what could have been.
        is_child: whether a child seems to speak.
        is_emoji: whether there are emoji and nothing else.
        note: for the trace.
    """

    text: str
    language: str
    act: Act
    valence: Valence
    manner: Manner = "plain"
    clauses: tuple[Clause, ...] = ()
    word: str = ""
    relation: str = ""
    is_unreal: bool = False
    is_child: bool = False
    is_emoji: bool = False
    note: str = ""

    @property
    def them(self) -> str:
        """How to speak of the person that the words are about: her, him or them."""
        return "her" if self.relation in _FEMALE else "him" if self.relation in _MALE else "them"

    @property
    def they(self) -> str:
        """The same as a subject."""
        return {"her": "she", "him": "he"}.get(self.them, "they")


def read(text: str, has_clip: bool, has_history: bool) -> Reading:
    """Read what a person wrote or said.

    Args:
        text: their words.
        has_clip: whether a clip came with them.
        has_history: whether earlier turns of the conversation are known.
    """
    plain = without_emoji(text)
    words = f"{plain} {emoji_words(text)}".strip()
    language = detect_language(plain)
    said = [clause for clause in split_clauses(plain) if re.search(r"\w", clause)]
    if len(said) > _MAX_CLAUSES:
        said = said[: _MAX_CLAUSES // 2] + said[-_MAX_CLAUSES // 2 :]
    praise = irony.find_praise(plain, language)
    occasion = [praise.occasion] if praise and praise.occasion else []
    heads, note = _heads()
    if heads is None:
        scores: dict[str, float] = {}
        sentiments = [_lexical_sentiment(clause) for clause in (words, *said, *occasion)]
        is_glad = sentiments[0] > 0
    else:
        scores, sentiments, is_glad = heads.read([words, *said, *occasion])
    clauses = tuple(
        Clause(clause, sentiment) for clause, sentiment in zip(said, sentiments[1 : len(said) + 1], strict=True)
    )
    relation, is_about = _relation(plain, said)
    act = choose_act(plain, scores, has_clip=has_clip, has_history=has_history, about=is_about)
    if "laughing" in emoji_words(text) and act.name in ("telling", "feeling", "small talk"):
        act = Act("joke", 1.0, explicit=True)
    manner, word = _manner(plain, clauses, praise, sentiments[-1] if occasion else None)
    return Reading(
        text=words,
        language=language,
        act=act,
        valence=_valence(plain, sentiments[0] if is_glad else min(sentiments[0], 0.0), clauses, manner),
        manner=manner,
        clauses=clauses,
        word=word,
        relation=relation,
        is_unreal=bool(_COUNTERFACTUAL.search(plain)),
        is_child=bool(_CHILD.search(plain)),
        is_emoji=is_emoji_only(text),
        note=note,
    )


def _relation(text: str, clauses: Sequence[str]) -> tuple[str, bool]:
    """Return whom of their people the person speaks of, and whether the words are about them and not what they did."""
    for clause in clauses:
        subject = _THIRD.search(clause.replace("\u2019", "'"))
        if subject and not _TO_SELF.search(clause[subject.end() :].removeprefix(" of mine")):
            return subject["relation"].lower(), True
    found = _NAMED.search(text)
    return (found["relation"].lower() if found else ""), False


def begins_with_relation(clause: str) -> bool:
    """Whether a clause begins with one of the person's people: ``my friend is furious with me``."""
    return bool(_THIRD.search(clause))


def _valence(text: str, whole: float, clauses: Sequence[Clause], manner: Manner) -> Valence:
    """Return the valence; positive only where nothing in the words is negative or only wished for."""
    if manner == "open":
        return "neutral"
    if manner != "plain" or _SIGH.match(text) or min([whole, *(clause.sentiment for clause in clauses)]) <= _NEGATIVE:
        return "negative"
    return "positive" if whole >= _POSITIVE and not _COUNTERFACTUAL.search(text) else "neutral"


def _manner(
    text: str, clauses: Sequence[Clause], praise: irony.Praise | None, of_occasion: float | None
) -> tuple[Manner, str]:
    """Return whether the words mean what they say, and the word that does not.

    Args:
        text: the words; clauses: theirs.
        praise: a stock phrase of praise among them; of_occasion: the sentiment of its occasion, where it has one.
    """
    if praise and (praise.is_open or irony.is_ironic(praise, of_occasion)):
        return ("open" if praise.is_open else "ironic"), praise.phrase
    fine = None if _NOT_FINE.search(text) else _FINE.search(text)
    others = [c for c in clauses if not _FINE.search(c.text)]
    if fine and (not others or max(c.sentiment for c in others) < _POSITIVE):
        return "understated", fine["word"] or "fine"
    return "plain", ""


def _lexical_sentiment(text: str) -> float:
    cues = emotion_cues(text)
    signed = [cue.weight * (1 if cue.emotion == "joy" else -1) for cue in cues if cue.emotion != "surprise"]
    return max(-1.0, min(1.0, sum(signed) / 2))


class _Heads:
    """The heads on one pass of the sentence embedding."""

    def __init__(self) -> None:
        folder = models.find(EMBEDDING)
        if folder is None:
            raise ModelError(f"'{EMBEDDING}' is not here", f"Run `omnisense models pull {EMBEDDING}`.")
        self._embedder, self._emotion = load_embedder(folder), ShippedTextClassifier(folder)
        self._acts = LinearHead.load(HEAD)

    def read(self, sentences: list[str]) -> tuple[dict[str, float], list[float], bool]:
        """Return the first sentence's score of each act, all sentiments, and whether the first is glad of something."""
        features = self._embedder.embed(sentences)
        acts = self._acts.scores(features[:1])[0]
        emotions = self._emotion.classify_features(sentences, features)
        scores = dict(zip(self._acts.labels, np.round(acts, 3).tolist(), strict=True))
        return scores, [emotion.sentiment or 0.0 for emotion in emotions], bool(_GLAD & set(emotions[0].feelings))


@functools.lru_cache(maxsize=1)
def _heads() -> tuple[_Heads | None, str]:
    """Return the heads, or None with a note."""
    try:
        with TORCH_LOCK:
            return _Heads(), ""
    except ModelError:
        return None, WITHOUT_EMBEDDING
