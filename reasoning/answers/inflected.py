"""Find options that a reply names in other words: inflected ("smiles"), misspelled ("suprised") or by a synonym.

Words are compared by their stems. A span of a sentence names an option where it holds the stems of the option's content
words, or most of them where it holds few of any other option's.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable
from typing import NamedTuple

from omnisense.reasoning.answers.option_marks import MARK, mark_with_text, nouns_of_letters, option_texts
from omnisense.reasoning.answers.stems import is_misspelled, stem_of, without_ending
from omnisense.reasoning.answers.word_families import UNSPACED_FAMILY_OF

_MOST_SHARED = 0.8  # of an option's content words, where not all of them are found
_WIDEST = 8  # words of a span that are none of the option's
_SMALL_WORDS = frozenset(
    "a an the he she it they he's she's it's they're his her their its is are was were be been being am to of in "
    "on at with for by as and or that this there i i'm you person man woman people someone speaker very feels "
    "feel feeling seems looks do does did has have had will because him them about into from up out so just also "
    "too who what when while make makes making made show shows showing shown give gives get try tries trying want "
    "wants two stay stays staying but both".split()
)
_NEGATIONS = frozenset(
    "not no never isn't doesn't don't didn't aren't wasn't can't cannot without nor neither hardly nicht kein keine "
    "keinen pas".split()
)
_TOKEN = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)?")
_SENTENCE = re.compile(r"[^.!?;\n]+")
_MARK = re.compile(MARK)


def content_stems(text: str) -> frozenset[str]:
    """Return the stems of a text's words that are neither mere grammar nor a negation."""
    words = (match[0].lower() for match in _TOKEN.finditer(text))
    return frozenset(stem_of(word) for word in words if word not in _SMALL_WORDS and word not in _NEGATIONS)


class _Wording(NamedTuple):
    """The stems of an option's content words, and whether it denies them."""

    place: int
    stems: frozenset[str]
    order: tuple[str, ...]
    words: frozenset[str]
    is_negated: bool


class _Said(NamedTuple):
    """A word of a sentence that is one of the options' stems, or (an empty stem) a negation."""

    at: int
    start: int
    end: int
    stem: str


class _Span(NamedTuple):
    """Where a text words the option at ``place``; ``shared`` of its stems are there."""

    start: int
    end: int
    shared: int
    place: int


def mark_wordings(marked: str, options: tuple[str, ...]) -> str:
    """Return a marked text with marks for the options that it names in other words, too.

    Args:
        marked: with marks for those that it names by their letter or text.
        options: of the question, each with its letter.
    """
    if nouns_of_letters(options):  # their words do not tell "speaker A" from "speaker B"
        return marked
    wordings, spelled = _wordings(options)
    spans = _unspaced(marked, options)
    sentences = [said for sentence in _SENTENCE.finditer(marked) if (said := _said(sentence, spelled))]
    wordings = _without_parts(wordings, {word.stem for said in sentences for word in said})
    for said in sentences:
        spans += _spans(said, wordings, marked)
    return _with_marks(marked, sorted(spans, key=lambda span: (span.start, -span.shared)))


def _without_parts(wordings: tuple[_Wording, ...], said: set[str]) -> tuple[_Wording, ...]:
    """Return the wordings without those that are a part of another one, of which a text says more."""
    return tuple(
        wording
        for wording in wordings
        if not any(wording.stems < w.stems and len(w.stems & said) > len(wording.stems & said) for w in wordings)
    )


class _Key(NamedTuple):
    """The stems that only the option at ``place`` has, those that tell of it alone, and whether it denies them."""

    place: int
    stems: frozenset[str]
    telling: frozenset[str]
    is_negated: bool


def mark_keywords(marked: str, options: tuple[str, ...]) -> str:
    """Return a marked text with marks for the options that a sentence says a telling part of, too.

    That is the first word that no other option has ("proud" of "The teacher is proud of the boy"; any of such words of
    "the man with the beard"), or two of such words that are half of them.

    Args:
        marked: with marks for those that it names by their letter, text or wording.
        options: of the question, each with its letter.
    """
    if nouns_of_letters(options):
        return marked
    _, spelled = _wordings(options)
    spans = []
    for sentence in _SENTENCE.finditer(marked):
        if said := _said(sentence, spelled):
            spans += [span for key in _keys(options) for span in _key_spans(key, said, marked, sentence.start())]
    return _with_marks(marked, sorted(spans))


# "she is proud", "her pride", "Proud.": where one word of several is enough
_TELLS_OF = re.compile(
    r"(?:\b(?:is|are|was|were|be|been|feels?|felt|feeling|looks?|looked|seems?|seemed|sounds?|appears?|becomes?|became"
    r"|wants?|tries|trying|to|because|her|his|their|for|of|with|as|ist|est|está)|'(?:s|re|m)|n't|not)\s+(?:\w+\s+){0,2}\Z|\A\W*(?:(?:the|an?)\s+)?\Z",
    re.IGNORECASE,
)


def _key_spans(key: _Key, said: list[_Said], marked: str, begin: int) -> list[_Span]:
    """Return where a sentence says the telling part of an option, with the negation that belongs to it."""
    hits = [word for word in said if word.stem in key.stems]
    stems = {word.stem for word in hits}
    if not key.telling & stems and not (len(stems) > 1 and 2 * len(stems) >= len(key.stems)):
        return []
    first = next((word for word in hits if word.stem in key.telling), hits[0])
    if len(stems) == 1 < len(key.stems) and not _TELLS_OF.search(marked[begin : first.start]):
        return []
    start, end = first.start, first.end
    if key.is_negated:
        before = [word.start for word in said if not word.stem and word.at < first.at]
        inside = any(not word.stem and first.at < word.at < hits[-1].at for word in said)
        if not before and not inside:
            return []
        start, end = (before[-1], end) if before else (start, hits[-1].end)
    return [_Span(start, end, len(stems), key.place)]


def _with_marks(marked: str, spans: list[_Span]) -> str:
    """Return a marked text with marks at the spans that hold none, the first of those that overlap."""
    pieces, last = [], 0
    for span in spans:
        if span.start >= last and not _MARK.search(marked, span.start, span.end):
            pieces += [marked[last : span.start], mark_with_text(span.place)]
            last = span.end
    return "".join([*pieces, marked[last:]])


@functools.lru_cache(maxsize=1024)
def _keys(options: tuple[str, ...]) -> tuple[_Key, ...]:
    """Return the telling words of the options that have any."""
    texts = [_YES_OR_NO_FIRST.sub("", option).split() for option in option_texts(options)]
    content = [[stem_of(word) for word in words if word not in _SMALL_WORDS | _NEGATIONS] for words in texts]
    keys = []
    for place, (words, stems) in enumerate(zip(texts, content, strict=True)):
        others = {stem for at, other in enumerate(content) if at != place for stem in other}
        own = [stem for stem in stems if stem not in others]
        if own:
            is_noun = words[0] in _ARTICLES and len(words) <= _LONGEST_NOUN
            telling = frozenset(own if is_noun else own[:1])
            keys.append(_Key(place, frozenset(own), telling, not _NEGATIONS.isdisjoint(words)))
    return tuple(keys)


def shares_words(text: str, options: tuple[str, ...]) -> bool:
    """Whether a text in a language with spaces may name an option by its words, in any form, or by a clock time."""
    if _CLOCK.search(text):
        return True
    _, spelled = _wordings(options)
    words = _own_words(options)
    for match in _TOKEN.finditer(text):
        word = match[0].lower()
        if word in words or _known(word, spelled) or word[1:] in words:  # "Bsad"
            return True
    return False


_CLOCK = re.compile(r"\d:\d\d")


@functools.lru_cache(maxsize=1024)
def _own_words(options: tuple[str, ...]) -> frozenset[str]:
    """Return the words of the options but for those that most sentences have, unless an option has no others."""
    found: set[str] = set()
    for option in option_texts(options):
        words = frozenset(_TOKEN.findall(option))
        found |= words - _SMALL_WORDS or words
    return frozenset(found)


@functools.lru_cache(maxsize=1024)
def _wordings(options: tuple[str, ...]) -> tuple[tuple[_Wording, ...], dict[str, dict[str, str]]]:
    """Return the options that no other one shares its stems with, and all stems, by first letter and as spelled."""
    texts = [_YES_OR_NO_FIRST.sub("", option).split() for option in option_texts(options)]
    content = _content(texts, _SMALL_WORDS | _NEGATIONS)
    if len({frozenset(stems.values()) for stems in content if stems}) < len(options):  # "only the man", "the woman"
        content = _content(texts, _SMALL_WORDS - _WHO | _NEGATIONS)
    in_all = frozenset.intersection(*(frozenset(stems.values()) for stems in content)) if content else frozenset()
    spelled: dict[str, dict[str, str]] = {}
    wordings = []
    for place, (words, stems) in enumerate(zip(texts, content, strict=True)):
        own = frozenset(stems.values()) - in_all
        alike = [s for at, s in enumerate(content) if at != place and own == frozenset(s.values()) - in_all]
        # two with the same stems are told apart by their order: "the man hugs the woman", and the other way round
        order = tuple(stem for stem in stems.values() if stem in own)
        if not own or any(order == tuple(stem for stem in s.values() if stem in own) for s in alike):
            continue
        wordings.append(
            _Wording(place, own, order if alike else (), frozenset(words), not _NEGATIONS.isdisjoint(words))
        )
        for word, stem in stems.items():
            if stem in own:
                spelled.setdefault(word[0], {}).update({without_ending(word): stem, word: stem})
                spelled.setdefault(stem[0], {})[stem] = stem
    return tuple(wordings), spelled


_ARTICLES = frozenset(("the", "a", "an"))
_LONGEST_NOUN = 5  # words of an option such as "the man with the beard"
_WHO = frozenset("person man woman people someone speaker both two".split())
_YES_OR_NO_FIRST = re.compile(r"(?:yes|no) ")


def _content(texts: list[list[str]], small: frozenset[str]) -> list[dict[str, str]]:
    """Return the stems of the words of each option that are not small."""
    return [{word: stem_of(word) for word in words if word not in small} for words in texts]


def _said(sentence: re.Match[str], spelled: dict[str, dict[str, str]]) -> list[_Said]:
    """Return the words of a sentence that are stems of an option or negations; empty where none is a stem."""
    found = []
    for at, match in enumerate(_TOKEN.finditer(sentence[0])):
        word = match[0].lower()
        start, end = sentence.start() + match.start(), sentence.start() + match.end()
        if word in _NEGATIONS:
            found.append(_Said(at, start, end, ""))
        elif (stem := _known(word, spelled)) and (word not in _SMALL_WORDS or stem == stem_of(word)):
            found.append(_Said(at, start, end, stem))
    return found if any(said.stem for said in found) else []


def _known(word: str, spelled: dict[str, dict[str, str]]) -> str:
    """Return the stem of an option that a word is, or is when one letter of it is corrected; empty when it is none."""
    stem = stem_of(word)
    if stem[0] in spelled and stem in spelled[stem[0]]:
        return spelled[stem[0]][stem]
    own = without_ending(word)
    return next(
        (
            to
            for known, to in spelled.get(word[0], {}).items()
            if is_misspelled(known, own) or is_misspelled(known, word)
        ),
        "",
    )


def _spans(said: list[_Said], wordings: Iterable[_Wording], text: str) -> list[_Span]:
    """Return the spans of a sentence that word an option."""
    shared = {wording.place: len(wording.stems & {word.stem for word in said}) for wording in wordings}
    found = []
    for wording in wordings:
        count, own = shared[wording.place], len(wording.stems)
        others = max((n for place, n in shared.items() if place != wording.place), default=0)
        if count == own or (count >= _MOST_SHARED * own and count >= others + 2):
            found += _spans_of(wording, said, count, text)
    return found


def _spans_of(wording: _Wording, said: list[_Said], count: int, text: str) -> list[_Span]:
    if len(wording.stems) == 1:
        runs = [[word] for word in said if word.stem in wording.stems]
    else:
        first = {word.stem: word for word in reversed(said) if word.stem in wording.stems}
        runs = [sorted(first.values())]
    spans = []
    for run in runs:
        start, end = run[0], run[-1]
        inside = [word for word in said if not word.stem and start.at < word.at < end.at]
        before = [word for word in said if not word.stem and word.at < start.at]
        is_told = bool(inside or before) if wording.is_negated else not inside
        is_told &= not wording.order or wording.order == tuple(word.stem for word in run)
        if not is_told or end.at - start.at >= len(run) + _WIDEST:
            continue
        after = end.end
        while (word := _TOKEN.match(text, after + 1)) and word[0].lower() in wording.words:
            after = word.end()
        begin = before[-1].start if wording.is_negated and before else start.start
        spans.append(_Span(begin, after, count, wording.place))
    return spans


def _unspaced(text: str, options: tuple[str, ...]) -> list[_Span]:
    """Return where a text in a language without spaces names an option, by its core or a word for the same feeling."""
    if text.isascii():
        return []
    spans = []
    for word, place in _unspaced_words(options).items():
        if (start := text.find(word)) >= 0:
            spans.append(_Span(start, start + len(word), len(word), place))
    return spans


@functools.lru_cache(maxsize=1024)
def _unspaced_words(options: tuple[str, ...]) -> dict[str, int]:
    wordings, _ = _wordings(options)
    places = {next(iter(w.stems)): w.place for w in wordings if len(w.stems) == 1}
    found = {word: places[family] for word, family in UNSPACED_FAMILY_OF.items() if family in places}
    cores = [_AROUND_CORE.sub("", text) for text in option_texts(options)]
    for place, core in enumerate(cores):
        if _CORE.fullmatch(core) and not any(core in other for at, other in enumerate(cores) if at != place):
            found[core] = place
    return found


# "她在开玩笑" without the pronoun and the words of grammar around it
_AROUND_CORE = re.compile(r"\A[他她它我你们这那是在很有非常感到觉得]+|[了的吗。]+\Z")
_CORE = re.compile(r"[\u3400-\u9fff]{2,6}")
