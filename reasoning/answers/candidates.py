"""Every answer that a reply could give, described by numbers: how, where and among what it is named.

A candidate is an option, yes or no, or a number that the reply names. Its features are what
:mod:`omnisense.reasoning.answers.candidate_model` judges it by; none of them says what the reading rules make of it.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Sequence
from typing import NamedTuple

from omnisense.reasoning.answers.hesitation import ends_undecided, refuses
from omnisense.reasoning.answers.inflected import mark_keywords, mark_wordings
from omnisense.reasoning.answers.normalize import single_spaced
from omnisense.reasoning.answers.option_marks import (
    MARK,
    drop_copied_options,
    mark_of,
    mark_options,
    mark_pairs,
    mark_texts,
    option_texts,
)
from omnisense.reasoning.answers.parse_values import mark_numbers
from omnisense.reasoning.answers.parse_yes_no import mark_yes_no
from omnisense.reasoning.answers.passages import drop_instructions, drop_speech, ends_midway, is_cut_off
from omnisense.reasoning.answers.question import Kind
from omnisense.reasoning.answers.statements import is_conceded, is_denied
from omnisense.reasoning.answers.stems import stem_of
from omnisense.reasoning.answers.suppositions import is_attributed, is_conditional

KINDS: tuple[Kind, ...] = ("one", "yes_no", "number", "several")
_MOST_MENTIONS = 100  # of a reply; one that repeats itself until it is cut off says no more
_NEAR = 120  # characters of a sentence that are looked at before and after a mention
_MARK = re.compile(MARK)
_SENTENCE_END = re.compile(r"(?<=[.!?。！？;])(?=\s|[^\x00-\x7f])|\n")
_WORD = re.compile(r"\w")
_NEGATION = (
    r"\b(?:not|no|never|nor|neither|none|cannot|without|nothing|nobody|hardly|rather\s+than|instead\s+of|unlike|nicht|kein\w*|pas|non|não"
    r"|nunca|wrong|incorrect|false|out|ruled?|exclud\w+|eliminat\w+|reject\w*|dismiss\w*|unlikely)\b|n't\b|[不没无错]|排除"
)
# looked for in the sentence before a mention
_BEFORE_IN_SENTENCE = {
    "answer": r"\b(?:answer|antwort|respuesta|réponse|risposta|resposta|conclusion|verdict"
    r"|choice|choose|chose|pick|select\w*|go(?:ing)?\s+(?:with|for)"
    r"|vote|settle|final|opt|tick|boxed|correct|right|best|most\s+\w+|closest|richtig|lösung)\b|答案|正确|选|正解|答え|정답|最",
    "conclusion": r"\b(?:so|therefore|thus|hence|overall|conclu\w+|consequently|ultimately"
    r"|in\s+short|in\s+summary|summary|leaves|leaving|remain\w*"
    r"|daher|also|donc|luego|quindi|portanto|final\w*|altogether|makes|means)\b|因此|所以|综上|总之",
    "negated sentence": _NEGATION,
    "supposed": r"\b(?:may|might|could|would|perhaps|maybe|possibly|if|unless|whether|or|either|between"
    r"|at\s+first|initially|tempting|some|people|seem\w*"
    r"|first|oder|ou|o)\b|可能|也许|或|如果|一开始",
    "first person": r"\b(?:i|i'd|i'll|i'm|my|mine|ich|je|yo|eu|io)\b|我",
}
# looked for between the mention before it and a mention
_BEFORE = {
    "is": r"(?:\b(?:is|are|was|it's|he's|she's|they're|that's|be|seems?|looks?|sounds?|feels?|suggests?"
    r"|shows?|indicates?|points?\s+to|ist|est|es|è|é|sind|say"
    r"|think|believe|guess)\b|[是为])\s*(?:\W*\b(?:the|a|an|most|more|really|clearly|probably|likely|very|quite|in\s+fact|actually)\b)*\W*\Z",
    "negated": _NEGATION,
    "but": r"\b(?:but|however|yet|although|though|while|aber|mais|pero|ma)\b|但|不过",
    "revised": r"\b(?:wait|actually|no|sorry|correction|hmm+|on\s+second|let\s+me|reconsider|scratch)\b|等等|不对",
    "after a colon": r"[:=]\W*\Z",
    "quoted": r"[\"'«“]\s*\Z",
}
# looked for between a mention and the next one
_AFTER = {
    "fits": r"\A\W*(?:\b(?:is|are|seems?|would\s+be|ist|est|es|it)\b\W*)?(?:\b(?:the|my|a|clearly|most|by\s+far)\b\s*)*"
    r"(?:\b(?:correct|right|best|better|fits?|matches|likely|answer|applies|holds|stands|wins|yes|true|convincing|plausible)\b|正确|对|[✓✅])",
    "negated after": rf"\A.{{0,40}}?(?:{_NEGATION})",
    "asked": r"\A\s?\?|\?\s*\Z",
    "before a colon": r"\A\W{0,2}[:–—-]",
}
_CUES = tuple(
    [(name, 0, re.compile(p, re.IGNORECASE)) for name, p in _BEFORE_IN_SENTENCE.items()]
    + [(name, 1, re.compile(p, re.IGNORECASE)) for name, p in _BEFORE.items()]
    + [(name, 2, re.compile(p, re.IGNORECASE | re.DOTALL)) for name, p in _AFTER.items()]
)
# a rough sum of what speaks for a mention and against it
_WEIGHTS = {"answer": 1, "conclusion": 1, "is": 1, "fits": 1, "first person": 1, "negated": -2, "negated after": -2,
            "supposed": -1, "denied": -1, "conceded": -1}  # fmt: skip
_TWO_WORDS = re.compile(r"\w{3,}.*\w{3,}", re.DOTALL)
_UNDECIDED = re.compile(
    r"\b(?:can't|cannot|unable|impossible|not\s+sure|unclear|equally|either|toss|depends|both|ambiguous|undecided|hard\s+to|enough)\b|无法|不能|不确定",
    re.IGNORECASE,
)
_REVISES = re.compile(_BEFORE["revised"], re.IGNORECASE)
_DENIES = re.compile(_NEGATION, re.IGNORECASE)
_LOOSE_LETTER = re.compile(r"(?<![A-Za-z0-9'])([A-Ha-h])(?![A-Za-z0-9'])(?<!\b[aA](?=\s[a-z]))")
_TOKEN = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff]+|[^\W\d_]+(?:'[^\W\d_]+)?|\d+(?:[.:]\d+)*"
    r"|[\u2600-\u27bf\U0001f300-\U0001faff]"
)
_SMALL_WORDS = frozenset(
    "a an the he she it they is are was were be been of in on at with for to by as and or that this there his her "
    "their its s am i you das der die ein eine und ist la le el un una est es y et".split()
)


class Candidates(NamedTuple):
    """The answers that a reply could give, and the features of each, in the order of ``FEATURES``."""

    values: tuple[str, ...]
    features: tuple[tuple[float, ...], ...]


class _Mention(NamedTuple):
    """One place where a candidate is named: its number, where, in which sentence, and which cues it has."""

    candidate: int
    at: int
    sentence: int
    cues: dict[str, float]


def describe(text: str, kind: Kind, options: tuple[str, ...], depth: int = 4) -> Candidates:
    """Return the candidates of a reply and their features; no candidates where it names none.

    Args:
        text: without markup.
        kind: what was asked for; one of ``KINDS``.
        options: of the question, each with its letter.
        depth: stages of marking that are used: by letter, text, wording and keyword.
    """
    stages, values = _marked(text, kind, options)
    stages = stages[:depth]
    mentions, ends = _mentions(stages[-1])
    loose = _loose_letters(text, len(values)) if options else [{} for _ in values]
    words = _shared_words(text, options) if options else [{} for _ in values]
    if not mentions and not any(f["letters"] for f in loose if f) and not any(f["words"] for f in words if f):
        return Candidates((), ())
    whole = _of_reply(stages[-1], kind, mentions, len(values), ends)
    rows = []
    for place in range(len(values)):
        found = {**whole, **loose[place], **words[place], **_of_candidate(place, mentions, len(stages[-1]), ends)}
        counts = [sum((ord(m[0]) & 0xFF) == place for m in _MARK.finditer(stage)) for stage in stages]
        found |= {f"named in stage {i}": min(count, 9) for i, count in enumerate(counts)}
        rows.append(tuple(float(found.get(name, -1)) for name in FEATURES))
    return Candidates(values, tuple(rows))


def _marked(text: str, kind: Kind, options: tuple[str, ...]) -> tuple[list[str], tuple[str, ...]]:
    """Return a text with marks for its candidates, by letter, then text, wording and keyword, and their values."""
    if kind == "yes_no":
        return [mark_yes_no(text)], ("yes", "no")
    if kind == "number":
        marked, values = mark_numbers(text)
        return [marked], values
    marked = mark_options(drop_speech(drop_instructions(text), options), options)
    stages = [mark_pairs(single_spaced(drop_copied_options(marked, options)), options)]
    for mark in (mark_texts, mark_wordings):
        stages.append(mark_pairs(drop_copied_options(mark(stages[-1], options), options), options))
    stages.append(mark_keywords(stages[-1], options))
    return stages, tuple(chr(65 + place) for place in range(len(options)))


def _mentions(marked: str) -> tuple[list[_Mention], list[int]]:
    """Return the mentions of a marked text, and where its sentences begin."""
    starts = [0, *(end.end() for end in _SENTENCE_END.finditer(marked))]
    places = [match.start() for match in _MARK.finditer(marked)][:_MOST_MENTIONS]
    mentions = []
    for number, at in enumerate(places):
        sentence = bisect_right(starts, at) - 1
        begin = max(starts[sentence], at - _NEAR)
        stop = min(starts[sentence + 1] if sentence + 1 < len(starts) else len(marked), at + _NEAR)
        since = max(begin, places[number - 1] + 1) if number else begin
        until = min(stop, places[number + 1]) if number + 1 < len(places) else stop
        around = marked[begin:at], marked[since:at], marked[at + 1 : until]
        cues = {name: float(bool(pattern.search(around[where]))) for name, where, pattern in _CUES}
        cues |= {
            "denied": is_denied(marked, at, at + 1),
            "conceded": is_conceded(marked, at, at + 1)
            or is_conditional(marked, at, at + 1)
            or is_attributed(marked, at),
            "opens": not _WORD.search(around[0]),
            "closes": not _WORD.search(marked[at + 1 : stop]),
            "listed after": since > begin and not _TWO_WORDS.search(around[1]),
            "listed before": until < stop and not _TWO_WORDS.search(around[2]),
            "by letter": ord(marked[at]) < 0xE100,
        }
        cues["held"] = not (cues["denied"] or cues["conceded"] or cues["asked"])
        cues["weight"] = sum(weight * cues[cue] for cue, weight in _WEIGHTS.items())
        mentions.append(_Mention(ord(marked[at]) & 0xFF, at, sentence, cues))
    return mentions, starts


def _of_reply(marked: str, kind: Kind, mentions: list[_Mention], count: int, starts: list[int]) -> dict[str, float]:
    """Return the features that all candidates of a reply share."""
    tail = marked[mentions[-1].at + 1 :] if mentions else ""
    return {
        "kind": KINDS.index(kind),
        "candidates": count,
        "length": min(len(marked), 2000),
        "sentences": min(len(starts), 30),
        "mentions": len(mentions),
        "named candidates": len({m.candidate for m in mentions}),
        "held candidates": len({m.candidate for m in mentions if m.cues["held"]}),
        "refuses": refuses(marked),
        "ends undecided": ends_undecided(marked),
        "undecided": bool(_UNDECIDED.search(marked)),
        "undecided after": bool(_UNDECIDED.search(tail)),
        "length after": min(len(tail), 400),
        "ends midway": ends_midway(marked) or is_cut_off(marked),
        "ends with a question": marked.rstrip().endswith("?"),
        "ends with a stop": marked.rstrip()[-1:] in tuple('.!。)"'),
        "revises": bool(_REVISES.search(marked)),
    }


def _of_candidate(place: int, mentions: list[_Mention], length: int, starts: list[int]) -> dict[str, float]:
    """Return how a reply names one candidate, beside the others."""
    own = [m for m in mentions if m.candidate == place]
    if not own:
        return {"named": 0}
    first, last, others = own[0], own[-1], [m for m in mentions if m.candidate != place]
    held = [m for m in mentions if m.cues["held"]]
    final = {m.candidate for m in mentions if m.sentence == mentions[-1].sentence}
    weights = [m.cues["weight"] for m in own]
    found: dict[str, float] = {
        "named": len(own),
        "share": len(own) / len(mentions),
        "first at": first.at / length,
        "last at": last.at / length,
        "is first": mentions[0] is first,
        "is last": mentions[-1] is last,
        "in last": place in final,
        "alone in last": final == {place},
        "sentences after": min(len(starts) - 1 - last.sentence, 10),
        "rivals after": len({m.candidate for m in others if m.at > last.at}),
        "held rivals after": len({m.candidate for m in others if m.at > last.at and m.cues["held"]}),
        "held rivals": len({m.candidate for m in others if m.cues["held"]}),
        "is last held": bool(held) and held[-1].candidate == place,
        "is first held": bool(held) and held[0].candidate == place,
        "greatest weight": max(weights),
        "sum of weights": sum(weights),
        "weight over rivals": max(weights) - max((m.cues["weight"] for m in others), default=-9),
        "answers": sum(m.cues["answer"] and m.cues["held"] for m in own),
        "answers of rivals": sum(m.cues["answer"] and m.cues["held"] for m in others),
    }
    for cue in _ALL_CUES:
        found[f"first {cue}"], found[f"last {cue}"] = first.cues[cue], last.cues[cue]
        found[f"mean {cue}"] = sum(m.cues[cue] for m in own) / len(own)
    return found


def _loose_letters(text: str, count: int) -> list[dict[str, float]]:
    """Return, for each option, how a text names letters that may or may not be options: "b i think"."""
    letters = list(_LOOSE_LETTER.finditer(text))[:_MOST_MENTIONS]
    rows: list[dict[str, float]] = []
    for place in range(count):
        own = [m for m in letters if ord(m[1].upper()) - 65 == place]
        row: dict[str, float] = {"letters": len(own), "different letters": len({m[1].upper() for m in letters})}
        if own:
            row["capital letters"] = sum(m[1].isupper() for m in own)
            row["letter is first"], row["letter is last"] = letters[0] is own[0], letters[-1] is own[-1]
            row["letter opens"] = not _WORD.search(text[: own[0].start()])
            row["letter closes"] = not _WORD.search(text[own[-1].end() :])
        rows.append(row)
    return rows


def _shared_words(text: str, options: tuple[str, ...]) -> list[dict[str, float]]:
    """Return, for each option, the share of its words, and of those that no other has, in a text and its sentences."""
    of_options = [_stems(option) for option in option_texts(options)]
    sentences = [s for s in _SENTENCE_END.split(text) if s and _WORD.search(s)] or [text]
    said = [_stems(sentence) for sentence in sentences]
    everything = frozenset().union(*said)
    rows: list[dict[str, float]] = []
    for place, stems in enumerate(of_options):
        own = stems.difference(*(other for i, other in enumerate(of_options) if i != place))
        shares, own_shares = [_share(stems, s) for s in said], [_share(own, s) for s in said]
        best = max(range(len(said)), key=lambda i: (shares[i], i))
        rows.append(
            {
                "words": _share(stems, everything),
                "own words": _share(own, everything),
                "count of own words": len(own),
                "words in one": shares[best],
                "own words in one": max(own_shares),
                "words in first": shares[0],
                "words in last": shares[-1],
                "own words in last": own_shares[-1],
                "best sentence": best / len(said),
                "best sentence denies": bool(_DENIES.search(sentences[best])),
                "sentences with own words": sum(share > 0 for share in own_shares),
            }
        )
    for name in _COMPARED:
        values = [row[name] for row in rows]
        for place, row in enumerate(rows):
            row[f"{name} over rivals"] = row[name] - max((v for i, v in enumerate(values) if i != place), default=0)
    return rows


def _share(stems: frozenset[str], said: frozenset[str]) -> float:
    return len(stems & said) / len(stems) if stems else 0.0


def _stems(text: str) -> frozenset[str]:
    """Return the stems of a text's words, and pairs of neighbouring characters where it writes no spaces."""
    found: list[str] = []
    for match in _TOKEN.finditer(text.lower()):
        word = match[0]
        if "\u3040" <= word[0] <= "\u9fff":
            found += [word[i : i + 2] for i in range(len(word) - 1)] or [word]
        elif word not in _SMALL_WORDS:
            found.append(stem_of(word))
    return frozenset(found)


_COMPARED = ("words", "own words", "words in one", "own words in one", "words in last", "words in first")
_ALL_CUES = (
    *(name for name, _, _ in _CUES),
    *("denied", "conceded", "opens", "closes", "listed after", "listed before", "by letter", "held", "weight"),
)


def _feature_names() -> tuple[str, ...]:
    """Return the names of all features, in the order of a description."""
    names: Sequence[str] = [
        *_of_reply(mark_of("A"), "one", _mentions(mark_of("A"))[0], 1, [0]),
        *(name for row in _shared_words("sad", ("A. sad",)) for name in row),
        *(name for row in _loose_letters("A", 1) for name in row),
        *_of_candidate(0, _mentions(mark_of("A"))[0], 1, [0]),
        *(f"named in stage {i}" for i in range(4)),
    ]
    return tuple(names)


FEATURES = _feature_names()
