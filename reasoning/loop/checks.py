"""Deterministic checks of a reply.

Every reply is checked for real faults: nothing there, cut off, repeating itself, unsafe, words of the prompt in it, or
a claim that what was perceived contradicts. What a guided policy writes is held to much more, since small models make
things up: the words it may use, one question, no advice, nothing about itself.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

from omnisense.reasoning.language import NAMES, detect_language
from omnisense.reasoning.loop import safety
from omnisense.reasoning.loop.appraisal import Draft, EmotionValue, Fault
from omnisense.reasoning.loop.emotion_lexicon import emotion_cues
from omnisense.reasoning.loop.paraphrase import content_words
from omnisense.reasoning.loop.requests import Request, request_of, unanswered
from omnisense.reasoning.loop.voice import echoed, tells_of_itself
from omnisense.text import split_sentences

_MIN_WORDS, _MAX_WORDS = 4, 70
_REPEATED_WORDS, _REPEATED_WORDS_LEADING = 4, 8  # so many words twice; a leading policy may come back to a phrase
_REPEATED_SENTENCE = 5  # words from which a sentence of an earlier reply is not said again
_SHORT_LINE = 5  # words of the last line of a text or list, such as a name, which ends without a mark
_COPIED_WORDS = 8  # as many of the person's words in a row, outside quotation marks, are parroting
_ACKNOWLEDGES = re.compile(
    r"\b(hear|heard|sounds?|sorry|glad|happy for|understand|makes? sense|can see|i see|notice|look(s|ed)?"
    r"|feel(ing|s)?|must be|thank you|congratulations|wonderful|great news|hard|difficult|tough|natural"
    r"|you told me|you said)\b",
    re.IGNORECASE,
)
_ADVISES = re.compile(
    r"\b(you should|you could|you need to|you must|you ought|you have to|try to|try (a|an|the)\b|why don'?t you"
    r"|have you (considered|tried)|i (suggest|recommend|advise)|my advice|make sure|consider \w+ing|it'?s important)\b",
    re.IGNORECASE,
)
_LEAKS = re.compile(
    r"<\|?(im_start|im_end|system|endoftext|assistant|user)\b|^\s*(assistant|user|system)\s*:|\n\s*(user|human)\s*:"
    r"|\b(the|my) (appraisal|timeline|notes on the clip) (says?|shows?|states?|lists?)\b",
    re.IGNORECASE,
)
_LOOKS = re.compile(
    r"\byou(?:r face)? (?:look|looks|looked|appear|appeared|seem to look) ([a-z' ]{3,40})", re.IGNORECASE
)
_SEES_FACE = re.compile(
    r"\b(i (can )?(see|saw|notice[d]?) (the |that |a |your )*(smil|tear|frown|face|eyes|expression)"
    r"|your (smile|frown|facial expression|tears)\b)",
    re.IGNORECASE,
)
_HEARS_VOICE = re.compile(
    r"\b(in|from) your voice\b|\byour (voice|tone) (is|was|sounds?|sounded|shook|trembl)", re.IGNORECASE
)
# "I'm sorry, but I can't help you with that", to somebody who only told something.
_REFUSES = re.compile(
    r"\bI(?: can(?:no|')t|'m (?:not able|unable) to| am (?:not able|unable) to) (?:\w+ )?(?:help|assist|support|answer"
    r"|respond|engage|provide|discuss|do (?:that|this))\b",
    re.IGNORECASE,
)
_LEAVES_ITS_ROLE = re.compile(
    r"\b(as an? (ai|language model|assistant)|i'?m (just |only |not )?an? (ai|assistant|doctor|friend|bot|person|dog)"
    r"|language model|the (person|user|speaker|timeline|evidence)|chatbot|smollm|assistant:|user:"
    r"|my (husband|wife|mother|father|baby|dog|cat|kids?|children|family|boss)|when i was|i used to"
    r"|\(laughs?\))\b|\[|\{|<\||https?:",
    re.IGNORECASE,
)
_NEGATES = re.compile(
    r"\b(not|never|no|nothing|nobody|without|cannot|don't|can't|won't|isn't|doesn't|aren't|didn't|but)\b", re.IGNORECASE
)
# What the agent may say about itself: it listens and it cares. Small models otherwise invent a life or make promises.
_OF_ITSELF = re.compile(
    r"I('m| am) (here|so glad|so happy|very glad|glad|happy|proud|so proud|sorry|with you|listening)\b"
    r"|I (hear|see|hope|understand|can (hear|see|imagine|understand))\b|I('d| would) love to (hear|know|listen)\b"
    r"|I want to (hear|listen|understand)\b"
)
_HYPOTHETICAL = re.compile(r"\b(had|wish|would have|could have|if only|supposed)\b", re.IGNORECASE)
_CLAIMS = re.compile(
    r"(and |but |so )?you('re| are| have| need| will| can|'ve|'ll| seem| must| were| look| feel| just)\b", re.IGNORECASE
)
# Words that a supportive sentence may use on top of what was said and seen.
_SUPPORTIVE = frozenset(
    """able afraid alone always anger angry anything beautiful believe better brave calm care caring celebrate
    clear comfort congratulations courage day deal deep deeply deserve difficult easy emotion emotions enjoy
    enough even everything exciting feel feeling feelings felt fine first gentle gentleness give glad going good
    grateful great happen happened happening happiness happy hard hear heard hearing heart heavy help here hold
    honest hope hug important joy joyful keep kind know life like listen listening little long look looks lot
    make makes many matter matters maybe mean means mind moment moments more much natural need needs nervous
    never nice now okay one pain painful part people place pleased pleasure presence proud ready really relief
    right sad sadness safe saying see sense share shared sharing sit smile smiling something sometimes soon
    sorry sound sounds special stay still strength strong support sure take takes taking talk talking tell
    telling thank thankful thanks thing things think thinking through time times today together told tough
    treasure trust trusting understand understandable upset want wanted warm way well whatever whenever wish
    with wonder wonderful words work world worry worth""".split()
)
_ALLOWED_WITH: dict[EmotionValue, set[EmotionValue]] = {
    "sadness": {"fear", "surprise"},
    "fear": {"sadness", "surprise"},
    "anger": {"sadness", "fear"},
    "disgust": {"sadness", "anger"},
    "joy": {"surprise"},
    "surprise": {"joy", "fear"},
    "neutral": {"joy", "surprise"},
    "unknown": {"joy", "surprise"},
}


@dataclass(frozen=True)
class ReplyContext:
    """What a reply is checked against.

    Attributes:
        said: everything the person said and typed this turn.
        emotions: the appraised emotion and those that it goes with or follows.
        leads: whether the policy leads, so that only real faults count.
        face_emotions: what the face shows and showed; None where no face was seen.
        has_voice: whether the person's voice was heard.
        language: in which the reply shall be; empty for any.
        opening: for a small model, the opening that its reply continues. What follows may then use known words only,
            since small models make things up.
        asks: whether the strategy is to ask, so that the continuation must be a question.
        known: words that the continuation may use besides supportive ones.
        earlier: the agent's replies so far, whose sentences a leading policy does not say again.
        request: what the person asked for; the lines of a text or plan may be alike and end without a mark.
    """

    said: str
    emotions: Collection[EmotionValue]
    leads: bool = False
    face_emotions: Collection[EmotionValue] | None = ()
    has_voice: bool = True
    language: str = ""
    opening: str = ""
    asks: bool = False
    known: frozenset[str] = frozenset()
    earlier: Sequence[str] = ()
    request: Request = ""


def fitting_emotions(value: EmotionValue, others: Collection[EmotionValue] = ()) -> set[EmotionValue]:
    """Return the emotions that a reply may name when ``value`` was appraised and ``others`` were seen too."""
    return {value, *others} | _ALLOWED_WITH.get(value, set())


def find_faults(reply: str, context: ReplyContext) -> list[Fault]:
    """Return all faults of a reply; an empty list is a pass."""
    text = reply.strip().replace("\u2019", "'")
    words = text.split()
    if not words:
        return [Fault("empty", "there is no reply", 1.0)]
    faults = _real_faults(text, context)
    if context.leads:
        return faults if request_of(context.said) else [*faults, *_voice_faults(text, context)]
    faults += _form_faults(text, words)
    if context.opening and text.startswith(context.opening.replace("\u2019", "'")):
        # The opening is composed of written sentences, which are held to real faults only: it restates what the person
        # said, and takes up what they feel. The small model answers for what it added.
        added = text[len(context.opening) :].strip()
        faults += _advice_first(text, len(context.opening))
        return [*faults, *_content_faults(added, context), *_continuation_faults(added, context)]
    return [*faults, *_advice_faults(text), *_content_faults(text, context)]


def check(draft: Draft, context: ReplyContext) -> Draft:
    """Return a draft with its faults and score. What was composed of written sentences is held to real faults only."""
    if draft.written_by == "policy" or not draft.text.strip():
        faults = find_faults(draft.text, context)
    else:
        faults = _real_faults(draft.text.strip().replace("\u2019", "'"), replace(context, leads=True))
    return replace(draft, score=score(faults), faults=tuple(faults))


def score(faults: Collection[Fault]) -> float:
    """Return 1 minus the cost of all faults, at least 0."""
    return round(max(0.0, 1.0 - sum(fault.cost for fault in faults)), 3)


def _real_faults(text: str, context: ReplyContext) -> list[Fault]:
    """Return the faults that any reply may have, whoever wrote it."""
    faults = []
    if context.request == "text":
        repeated = _repeated_line(text)
    else:
        repeated = _repeated_phrase(text, _REPEATED_WORDS_LEADING if context.leads else _REPEATED_WORDS)
    if repeated:
        faults.append(Fault("repetition", f'"{repeated}" comes twice', 0.5))
    if context.earlier and (again := _said_before(text, context.earlier)):
        faults.append(Fault("repetition", f'"{again}" was said in an earlier reply', 0.5))
    if _is_cut_off(text) and not (context.request == "text" and _ends_in_short_line(text)):
        faults.append(Fault("unfinished", "the last sentence does not end", 0.4))
    if missing := unanswered(text, context.request):
        faults.append(Fault("unanswered", missing, 0.5))
    if (refusal := _REFUSES.search(text)) and not request_of(context.said):
        faults.append(Fault("refusal", f'"{refusal.group(0)}", and nothing was asked for', 0.5))
    leak = _LEAKS.search(text)
    if leak:
        faults.append(Fault("role", f'"{leak.group(0).strip()}" is of the prompt, not for the person', 0.6))
    harm = safety.check_reply(text)
    if harm:
        faults.append(Fault("unsafe", harm, 1.0))
    written_in = detect_language(text) if context.language else ""
    if written_in not in ("", context.language):
        name = NAMES.get(context.language, context.language)
        faults.append(Fault("language", f"the reply is in {NAMES[written_in]}, not in {name}", 0.4))
    contradicted = _contradicted(text, context)
    if contradicted:
        faults.append(Fault("contradiction", contradicted, 0.5))
    return faults


def _voice_faults(text: str, context: ReplyContext) -> list[Fault]:
    """Return the faults of a reply that says the person's words again, or tells of a life of its own."""
    faults = []
    if echo := echoed(text, context.said):
        faults.append(Fault("copy", f'"{echo}" only says their words again', 0.5))
    if detect_language(text) in ("", "en") and (told := tells_of_itself(text)):
        faults.append(Fault("self", f'"{told}" tells of you what is not so: you are a program', 0.5))
    return faults


def _is_cut_off(text: str) -> bool:
    """Whether a reply stops within a sentence: it ends in a letter, a digit or a comma. Emoji and brackets end one."""
    return text[-1].isalnum() or text[-1] in ",:;-("


def _ends_in_short_line(text: str) -> bool:
    """Whether the last of several lines is a name or an item of a list."""
    lines = text.splitlines()
    return len(lines) > 1 and text[-1].isalnum() and len(lines[-1].split()) <= _SHORT_LINE


def _contradicted(text: str, context: ReplyContext) -> str:
    """Return what a reply claims to perceive against what was perceived; empty when nothing is."""
    unquoted = re.sub(r'"[^"]*"', " ", text)
    faces, seen, heard = context.face_emotions, _SEES_FACE.search(unquoted), _HEARS_VOICE.search(unquoted)
    if faces is None and seen:
        return f'"{seen.group(0)}": no face was seen'
    if not context.has_voice and heard:
        return f'"{heard.group(0)}": no voice was heard'
    for claim in _LOOKS.finditer(unquoted):
        named = {cue.emotion for cue in emotion_cues(claim.group(1).split(" and ")[0])}
        if faces and named and not any(fitting_emotions(name) & set(faces) for name in named):
            return f'"{claim.group(0).strip()}": the face shows {", ".join(sorted(faces))}'
    return ""


def _form_faults(text: str, words: list[str]) -> list[Fault]:
    faults = []
    if len(words) < _MIN_WORDS:
        faults.append(Fault("short", f"{len(words)} words", 0.5))
    if len(words) > _MAX_WORDS:
        faults.append(Fault("long", f"{len(words)} words, over {_MAX_WORDS}", 0.4))
    questions = text.count("?")
    if questions > 1:
        faults.append(Fault("questions", f"{questions} questions, one is enough", 0.3))
    return faults


def _repeated_phrase(text: str, length: int) -> str:
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)*", text.lower())
    seen = set()
    for i in range(len(words) - length + 1):
        gram = tuple(words[i : i + length])
        if gram in seen:
            return " ".join(gram)
        seen.add(gram)
    sentences = [s.strip().lower() for s in re.split(r"[.!?]+", text) if len(s.split()) > 1]
    return next((s for i, s in enumerate(sentences) if s in sentences[:i]), "")


def _repeated_line(text: str) -> str:
    """Return the first long line that comes twice, with its numbers: the days of a plan are alike, a loop is equal."""
    lines = [line.strip() for line in text.lower().splitlines() if len(line.split()) >= _REPEATED_WORDS_LEADING]
    sentences = lines if len(lines) > 1 else [s.lower() for s in split_sentences(text)]
    return next((line for i, line in enumerate(sentences) if line in sentences[:i]), "")


def _said_before(text: str, earlier: Sequence[str]) -> str:
    """Return the first sentence of a reply that an earlier one has too; short ones, such as thanks, may come again."""
    said = {_plain(sentence) for reply in earlier for sentence in split_sentences(reply)}
    long = (s for s in split_sentences(text) if len(s.split()) >= _REPEATED_SENTENCE)
    return next((sentence for sentence in long if _plain(sentence) in said), "")


def _plain(sentence: str) -> str:
    return " ".join(re.findall(r"\w+", sentence.lower()))


def _advice_faults(text: str) -> list[Fault]:
    if first := _advice_first(text):
        return first
    if _ACKNOWLEDGES.search(text):
        return []
    return [Fault("no acknowledgement", "it does not take up what the person feels", 0.3)]


def _advice_first(text: str, start: int = 0) -> list[Fault]:
    """Return the fault of advice, from ``start`` on, that no acknowledgement in the whole text stands before."""
    acknowledged, advised = _ACKNOWLEDGES.search(text), _ADVISES.search(text, start)
    if advised and (not acknowledged or advised.start() < acknowledged.start()):
        return [Fault("advice first", f'"{advised.group(0)}" before any acknowledgement', 0.5)]
    return []


def _content_faults(text: str, context: ReplyContext) -> list[Fault]:
    faults = []
    role = _LEAVES_ITS_ROLE.search(text)
    if role:
        faults.append(Fault("role", f'"{role.group(0)}" does not speak to the person', 0.6))
    copied = _copied_words(text, context.said)
    if copied:
        faults.append(Fault("copy", f'repeats "{copied}" word for word', 0.4))
    wrong = [
        c
        for c in emotion_cues(re.sub(r'"[^"]*"', " ", text))
        if c.emotion not in context.emotions
        and c.text not in content_words(context.said)
        and not (c.emotion == "joy" and "glad you" in text.lower())
    ]
    if wrong:
        faults.append(Fault("wrong feeling", f'"{wrong[0].text}" does not fit what was perceived', 0.4))
    return faults


def _continuation_faults(text: str, context: ReplyContext) -> list[Fault]:
    """Return the faults of the sentence that a small model added to its opening."""
    if not text:
        return [Fault("nothing added", "it stops after the opening", 0.3)]
    faults = []
    new = sorted(word for word in content_words(text) - context.known - _SUPPORTIVE if "'" not in word)
    if new:
        faults.append(Fault("invented", f"{', '.join(new[:4])}: nobody said or showed that", min(0.6, 0.3 * len(new))))
    if not content_words(text) & _SUPPORTIVE:
        faults.append(Fault("empty words", f'"{text}" offers nothing', 0.3))
    if context.asks and not text.endswith("?"):
        faults.append(Fault("no question", "the strategy is to ask, and it does not", 0.3))
    if re.search(r"\bI\b", _OF_ITSELF.sub(" ", text)):
        faults.append(Fault("self", f'"{text}" tells of the agent what is not so', 0.3))
    if _HYPOTHETICAL.search(text):
        faults.append(Fault("hypothetical", f'"{text}" speaks of what is not', 0.3))
    if _NEGATES.search(text.replace("not alone", "")):
        faults.append(Fault("negation", f'"{text}" denies or forbids something', 0.3))
    if _CLAIMS.match(text) and "not alone" not in text:
        faults.append(Fault("claim", f'"{text}" tells the person what they are', 0.3))
    return faults


def _copied_words(text: str, said: str) -> str:
    unquoted = re.sub(r'"[^"]*"', " ", text)
    words = re.findall(r"[a-z']+", unquoted.lower())
    spoken = " " + " ".join(re.findall(r"[a-z']+", said.lower().replace("\u2019", "'"))) + " "
    for i in range(len(words) - _COPIED_WORDS + 1):
        run = " ".join(words[i : i + _COPIED_WORDS])
        if f" {run} " in spoken:
            return run
    return ""
