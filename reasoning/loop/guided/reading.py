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
from omnisense.reasoning.loop.guided.asked import find_asked
from omnisense.reasoning.loop.guided.emoji import emoji_words, is_emoji_only, with_inline_words, without_emoji
from omnisense.reasoning.loop.guided.events import EventHeads, Told, Valence
from omnisense.reasoning.loop.guided.restating import begins_as_own
from omnisense.reasoning.loop.guided.shorthand import written_out
from omnisense.reasoning.loop.paraphrase import split_clauses

Manner = Literal["plain", "ironic", "open", "understated"]
WITHOUT_EMBEDDING = f"'{EMBEDDING}' is not here: what the person asks for was read from patterns alone"
# Labels of GoEmotions that show gladness; desire and approval count as positive too, and are none.
_GLAD = frozenset("joy excitement gratitude pride relief admiration love amusement".split())
_TELLS = frozenset({"telling", "feeling", "third person"})
_OF_STATES = frozenset({"worry", "strain"})
_MAX_EVENT_WORDS = 50  # the embedding reads 64 tokens
_MAX_CLAUSES = 12  # of a long text, the first and the last
_SEVERAL = 5
_SHOUTED = 0.1  # sentiment from which words with several exclamation marks are glad
_POSITIVE, _NEGATIVE = 0.2, -0.08  # sentiment from which words count as either; a cheerful mistake is the worse one
_COUNTERFACTUAL = re.compile(
    r"\b(should|could|would) have\b|\bif only\b|\bi wish\b|\balmost\b|\bnearly\b", re.IGNORECASE
)
_FINE = re.compile(
    r"\b(?:it'?s|i'?m|that'?s|everything(?:'?s| is)|we'?re|it is|i am) (?:all |just |really |totally )?"
    r"(?P<word>fine|not bothered|ok|okay|alright|all right|no big deal|nothing|whatever|not a big deal|used to it)\b"
    r"|\b(?P<bare>no worries|no big deal|never mind|doesn't matter)\b",
    re.IGNORECASE,
)
_WAVED_OFF = re.compile(
    r"\b(could be worse|don'?t mind me|can'?t complain|i'?ll (?:live|survive|manage|be fine)|it is what it is"
    r"|not the end of the world)\b",
    re.IGNORECASE,
)
# What an emoji stands for (``emoji.py``) that makes words without a feeling bad ones.
_BAD = frozenset("crying heartbroken furious angry exhausted exhausting sad disappointed terrified afraid".split())
_WRY = frozenset({"not really fine", "face with rolling eyes", "unamused"})  # emoji that take praise back
_PRAISE = re.compile(
    r"\b(great|wonderful|fantastic|lovely|perfect|nice|brilliant|awesome|amazing|love|fun|good)\b", re.I
)
_NOT_FINE = re.compile(
    r"\b(pretend\w*|act(ing)? like|not|isn't|never|as if)\b[^.!?]{0,25}\b(fine|ok|okay|all ?right)\b", re.I
)
_SIGH = re.compile(r"^(ugh+|argh+|meh|sigh|damn( it)?|oh no|hm+f)[\s.!]*$", re.IGNORECASE)
_CHILD = re.compile(
    r"\b(can (?:you|u) be my (?:best )?friend|(?:my|to|and|with) (?:mommy|mummy|daddy)|(?:mommy|mummy"
    r"|daddy) (?:says?|said|is|was|and|told|won't|didn't)|recess|my teddy|tooth fairy|grown[- ]?ups"
    r"|(got|get) a (gold )?star"
    r"|i ?'?a?m ([3-9]|1[0-2])( years old)?\b(?! ?(%|am|pm|km|kg|minutes|hours)))",
    re.IGNORECASE,
)
FEELS_GOOD = re.compile(
    r"\b(?<!n't )(?<!not )(?<!never )(feel|feeling|am|i'm) (?:(?:actually|so|really|very|pretty|quite|just|kind of) )*"
    r"(great|good|better|happy|glad|proud)\b(?! (enough|at|for nothing))",
    re.IGNORECASE,
)
_FEELS_BAD = re.compile(
    r"(?:\b(?:i(?:'m| am| feel| felt|'ve been| have been)|feeling) |(?:^|[.!?,] ))(?:(?:actually|so|really|super"
    r"|very|pretty|quite|just"
    r"|kind of|a bit|a little|still) )*(?:nervous|anxious|worried|scared|afraid|terrified|sad|angry|mad|furious|upset"
    r"|lonely|jealous|ashamed|embarrassed|guilty|hurt|disappointed|stressed|overwhelmed|exhausted|heartbroken|gutted"
    r"|useless|invisible|left out|homesick|miserable|awful|terrible)\b(?! (?:enough|but|anymore))",
    re.IGNORECASE,
)
_SHOWS = re.compile(r"(?:this|that|here|these|those)(?:'s| is| are)(?: my| our)?(?: [\w']+){1,5}\W*$", re.IGNORECASE)
_NEWS = re.compile(r"guess (?:who|what)\b", re.IGNORECASE)
_GLAD_IDIOM = re.compile(r"\b(can't|cannot|couldn't) stop (smiling|grinning|beaming|singing|dancing)\b", re.IGNORECASE)
RELATIONS = (
    "brother sister mother mom mum father dad son daughter husband wife partner boyfriend girlfriend friend boss "
    "grandma grandmother grandpa grandfather aunt uncle cousin neighbour neighbor roommate flatmate colleague "
    "co-worker coworker supervisor teacher child kid baby team niece nephew classmate parents children kids grandson"
    " granddaughter grandchildren grandparents family gran granny nan nana grandad granddad mate twins twin"
).split()
_THIRD = re.compile(
    rf"^(?:my|our|a)(?: (?:best|little|big|older|younger|dear|new|old|poor|good))?(?: [a-z]+)??"
    rf" (?P<relation>{'|'.join(RELATIONS)})\b(?!'s)(?! of mine's)",
    re.IGNORECASE,
)
_NAMED = re.compile(rf"\b(?:my|our)(?: [a-z]+)?? (?P<relation>{'|'.join(RELATIONS)})\b", re.IGNORECASE)
_TO_SELF = re.compile(r"\b(i|i'm|me|my|mine|myself|us|our)\b", re.IGNORECASE)
_FEMALE = set(
    "sister mother mom mum daughter wife girlfriend grandma grandmother granddaughter aunt niece gran granny nan"
    " nana".split()
)
_MALE = set(
    "brother father dad son husband boyfriend grandpa grandfather grandson uncle nephew grandad granddad".split()
)


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
        event: what kind of event is told (``events.csv``); empty where that is not clear, or nothing is told.
        lean: the valence of the event, where it is clear.
        asked: the sentence that asks for something; empty where none does by its form.
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
    event: str = ""
    lean: Valence = "neutral"
    asked: str = ""
    note: str = ""

    @property
    def them(self) -> str:
        """How to speak of the person that the words are about: her, him or them."""
        return "her" if self.relation in _FEMALE else "him" if self.relation in _MALE else "them"

    @property
    def they(self) -> str:
        """The same as a subject."""
        return {"her": "she", "him": "he"}.get(self.them, "they")


@functools.lru_cache(maxsize=8)  # a turn may read its words twice
def read(text: str, has_clip: bool, has_history: bool) -> Reading:
    """Read what a person wrote or said.

    Args:
        text: their words.
        has_clip: whether a clip came with them.
        has_history: whether earlier turns of the conversation are known.
    """
    plain = without_emoji(with_inline_words(text))
    language = detect_language(plain)
    plain = written_out(plain) if language in ("", "en") else plain
    words = f"{plain} {emoji_words(text)}".strip()
    said = [clause for clause in split_clauses(plain) if re.search(r"\w", clause)]
    if len(said) > _MAX_CLAUSES:
        said = said[: _MAX_CLAUSES // 2] + said[-_MAX_CLAUSES // 2 :]
    praise = irony.find_praise(plain, language)
    occasion = [praise.occasion] if praise and praise.occasion else []
    scores, sentiments, is_glad, told, note = _score([words, *said, *occasion])
    if _GLAD_IDIOM.search(plain):
        sentiments, is_glad = [abs(sentiment) for sentiment in sentiments], True
    clauses = tuple(
        Clause(clause, sentiment) for clause, sentiment in zip(said, sentiments[1 : len(said) + 1], strict=True)
    )
    relation, is_about = _relation(plain, said)
    asked = find_asked(plain)
    act = choose_act(plain, scores, asked, has_clip=has_clip, has_history=has_history, about=is_about)
    if has_clip and _SHOWS.match(plain):  # who or what is in it is no event
        told = Told()
    act = _laughing(act, text, plain, is_told=told.lean != "neutral")
    if act.name not in _TELLS:
        told = Told()
    manner, word = _manner(plain, clauses, praise, sentiments[-1] if occasion else None, told.lean)
    if manner == "plain" and said and _WRY & set(emoji_words(text).split(", ")) and (praised := _PRAISE.search(plain)):
        manner, word = "ironic", praised[0]
    if manner != "plain":
        told = Told()
    elif act.name == "feeling" and told.event not in _OF_STATES:
        told = told._replace(event="")  # how somebody feels is no event
    elif told.lean == "neutral" and FEELS_GOOD.search(plain):
        told = told._replace(lean="positive")
    valence = _valence(plain, sentiments[0] if is_glad else min(sentiments[0], 0.0), clauses, manner)
    if valence == "neutral":
        valence = _shown_valence(text, plain, sentiments[0], clauses)
    valence = _leaning(valence, told.lean, bool(_COUNTERFACTUAL.search(plain)))
    return Reading(
        text=words,
        language=language,
        act=act,
        valence=valence,
        manner=manner,
        clauses=clauses,
        word=word,
        relation=relation,
        is_unreal=bool(_COUNTERFACTUAL.search(plain)),
        is_child=is_of_a_child(plain),
        is_emoji=is_emoji_only(text),
        event=told.event,
        lean=told.lean,
        asked=asked.sentence if asked else "",
        note=note,
    )


def _laughing(act: Act, text: str, plain: str, *, is_told: bool) -> Act:
    """Return the act of words, a joke where they laugh and tell nothing good or bad.

    Args:
        act: as chosen; text: the words; plain: without emoji.
        is_told: whether what they tell is good or bad: people laugh at what happens to them, too.
    """
    if "laughing" in emoji_words(text) and act.name in ("telling", "feeling", "small talk") and not is_told:
        return Act("joke", 1.0, explicit=True)
    is_told |= bool(_NEWS.match(plain)) or is_of_a_child(plain)  # a child's spelling is no joke
    return Act("telling", act.confidence) if act.name == "joke" and not act.explicit and is_told else act


def _shown_valence(text: str, plain: str, sentiment: float, clauses: Sequence[Clause]) -> Valence:
    """Return the valence that exclamation marks, a named feeling or emoji show in words that sound like neither."""
    lowest = min((c.sentiment for c in clauses if " " in c.text), default=-1.0)
    shouts_for_joy = "!!" in text and sentiment >= _SHOUTED and lowest > _NEGATIVE
    if (shouts_for_joy or FEELS_GOOD.search(plain)) and not _COUNTERFACTUAL.search(plain):
        return "positive"
    return "negative" if _FEELS_BAD.search(plain) or _BAD & set(emoji_words(text).split(", ")) else "neutral"


def _score(texts: list[str]) -> tuple[dict[str, float], list[float], bool, Told, str]:
    """Return what :meth:`_Heads.read` gives, or without the heads what words of feeling show, and a note on that."""
    heads, note = _heads()
    if heads is not None:
        return (*heads.read(texts), note)
    sentiments = [_lexical_sentiment(text) for text in texts]
    return {}, sentiments, sentiments[0] > 0, Told(), note


def _relation(text: str, clauses: Sequence[str]) -> tuple[str, bool]:
    """Return whom of their people the person speaks of, and whether the words are about them and not what they did.

    In words of many clauses it is one of the first two that says what they are about.
    """
    for clause in clauses[:2] if len(clauses) > _SEVERAL else clauses:
        subject = _THIRD.search(clause.replace("\u2019", "'"))
        if subject and not _TO_SELF.search(clause[subject.end() :].removeprefix(" of mine")):
            return subject["relation"].lower(), True
        if begins_as_own(clause):
            break  # what comes first is about themself
    found = _NAMED.search(text)
    return (found["relation"].lower() if found else ""), False


def is_of_a_child(text: str) -> bool:
    """Whether a child seems to speak, by their age or by what only children speak of."""
    return bool(_CHILD.search(text))


def begins_with_relation(clause: str) -> bool:
    """Whether a clause begins with one of the person's people: ``my friend is furious with me``."""
    return bool(_THIRD.search(clause))


def _valence(text: str, whole: float, clauses: Sequence[Clause], manner: Manner) -> Valence:
    """Return the valence; positive only where nothing in the words is negative or only wished for."""
    if manner == "open":
        return "neutral"
    told = [clause.sentiment for clause in clauses if " " in clause.text or len(clauses) == 1]
    if manner != "plain" or _SIGH.match(text) or min([whole, *told]) <= _NEGATIVE:
        return "negative"
    return "positive" if whole >= _POSITIVE and not _COUNTERFACTUAL.search(text) else "neutral"


def _leaning(valence: Valence, lean: Valence, is_unreal: bool) -> Valence:
    """Return a valence as the event that is told moves it.

    What happened says more than how it sounds: tears are shed at graduations, and a dry joke is made of bad luck.
    """
    return valence if lean == "neutral" or (lean == "positive" and is_unreal) else lean


def _manner(
    text: str, clauses: Sequence[Clause], praise: irony.Praise | None, of_occasion: float | None, lean: Valence
) -> tuple[Manner, str]:
    """Return whether the words mean what they say, and the word that does not.

    Args:
        text: the words; clauses: theirs.
        praise: a stock phrase of praise among them; of_occasion: the sentiment of its occasion, where it has one.
        lean: the valence of what is told.
    """
    if praise and (praise.is_open or lean == "negative" or irony.is_ironic(praise, of_occasion)):
        return ("open" if praise.is_open else "ironic"), praise.phrase
    fine = None if _NOT_FINE.search(text) else _FINE.search(text)
    others = [c for c in clauses if not _FINE.search(c.text)]
    if fine and (not others or max(c.sentiment for c in others) < _POSITIVE):
        return "understated", fine["word"] or fine["bare"] or "fine"
    waved = _WAVED_OFF.search(text.replace("\u2019", "'"))
    if (
        waved
        and min((c.sentiment for c in clauses), default=0.0) > -1
        and not any(c.sentiment >= _POSITIVE for c in others)
    ):
        return "understated", waved[0].lower()
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
        self._acts, self._events = LinearHead.load(HEAD), EventHeads()

    def acts(self, text: str) -> dict[str, float]:
        """Return scores by act of a text."""
        return self._act_scores(self._embedder.embed([text]))

    def _act_scores(self, features: np.ndarray) -> dict[str, float]:
        return dict(zip(self._acts.labels, np.round(self._acts.scores(features)[0], 3).tolist(), strict=True))

    def read(self, sentences: list[str]) -> tuple[dict[str, float], list[float], bool, Told]:
        """Return scores by act, all sentiments, and of the first sentence whether it is glad and what it tells."""
        features = self._embedder.embed(sentences)
        emotions = self._emotion.classify_features(sentences, features)
        scores = self._act_scores(features[:1])
        is_short = len(sentences[0].split()) <= _MAX_EVENT_WORDS
        told = self._events.read(sentences[0], features[:1]) if is_short else Told()
        return scores, [emotion.sentiment or 0.0 for emotion in emotions], bool(_GLAD & set(emotions[0].feelings)), told


@functools.lru_cache(maxsize=1)
def _heads() -> tuple[_Heads | None, str]:
    """Return the heads, or None with a note."""
    try:
        with TORCH_LOCK:
            return _Heads(), ""
    except ModelError:
        return None, WITHOUT_EMBEDDING
