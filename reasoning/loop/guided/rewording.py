"""What a person asks, in other words: a question as a clause, the two ways to choose from, a message that they want.

All of it stays in the person's own words, so that a small model names what it was asked without making anything up.
"""

from __future__ import annotations

import re

from omnisense.reasoning.loop.paraphrase import to_second_person

_MAX_WORDS = 16  # of a question that is said again
_MAX_QUOTE, _LEAST_QUOTE = 20, 4  # words of a question that is quoted
_QUESTION = re.compile(
    r"(?:^|(?<=[.!?,;] ))(?P<q>(?:(?:so|and|but|hey|hi|hello|ok|okay|well|please|by the way)[,:]? )*"
    r"(?:what|what's|who|who's|where|where's|when|which|why|how|how's|is|are|do|does|did|can|could|will|would|was|were)"
    r"\b[^.!?;]*)",
    re.IGNORECASE,
)
_LEADS_IN = re.compile(
    r"^(?:(?:so|and|but|hey|hi|hello|ok|okay|well|please|by the way|do you know|can you tell me|could you tell me"
    r"|any idea|tell me)[,:]? )+",
    re.IGNORECASE,
)
_WH = (
    r"(?P<wh>why|how(?: (?:long|much|many|often|far|old|big|fast|tall|deep|high|hot)(?: [a-z]+)?)?|what|where|when"
    r"|which [a-z]+|who)"
)
_SUBJECT = r"(?P<subject>(?:(?:the|an?|my|our) )?(?!\w+ing\b)[\w'-]+)"
_SAID_BEHIND = re.compile(  # what follows a question without a full stop: ", my kid asked", "i never remember"
    r"(?:, | )(?=(?:i never|because|cos|cause|my head|he's already|she's already|it's driving)\b)|[.?!] "
    r"|, (?=(?:and )?(?:i|i'm|i've|my|me|we|our|he|she|it's|they|his|her|have|had|made|got|in|last|just|max|is"
    r"|what|short)\b)",
    re.IGNORECASE,
)
_NEXT_QUESTION = re.compile(
    r",? (?:and|or) (?:do|does|did|is|are|am|can|could|will|what|why|how|where|when|who|it|they|he|she)\b.*",
    re.IGNORECASE,
)
_HOW_COME = re.compile(r"^how come (?P<rest>.+)$", re.IGNORECASE)
_NAMED = re.compile(r"^what(?:'s| is| are| was| were) (?P<it>(?:the|a|an) .+)$", re.IGNORECASE)
_WITH_DO = re.compile(rf"^{_WH} (?P<do>do|does) {_SUBJECT} (?P<verb>[\w'-]+)\b(?P<rest>.*)$", re.IGNORECASE)
_YES_OR_NO = re.compile(
    rf"^(?P<do>do|does|can|could|will) (?!you\b|u\b){_SUBJECT} (?P<verb>[\w'-]+)\b(?P<rest>.*)$", re.IGNORECASE
)
_HOW_MANY_IN = re.compile(
    r"^how many (?P<what>[a-z]+) (?:are (?:there )?)?in (?P<rest>(?!.* is it\b).+)$", re.IGNORECASE
)
_HOW_TO = re.compile(
    r"\bhow (?:do|can|should|would|could) (?:i|we|you|u) (?:actually |best |even )?(?P<do>(?:[^.?!;,]|\.(?=\d))+)",
    re.IGNORECASE,
)
_WITH_MODAL = re.compile(rf"^{_WH} (?P<verb>can|could|will|would|should|must) {_SUBJECT} (?P<rest>.+)$", re.IGNORECASE)
_WITH_BE = re.compile(rf"^(?P<wh>why|how|where|when) (?P<verb>is|are|was|were) {_SUBJECT} (?P<rest>.+)$", re.IGNORECASE)
_OF_SUBJECT = re.compile(
    r"^(?:who|what|which [a-z]+) (?!is |are |was |were |do |does |did |can |could |will |would |should )"
    r"[a-z]+(?:s|ed|te|ew|ent|ote|ade|ame|an|on) .+$",
    re.IGNORECASE,
)
_WAY = r"[^.?!]{2,70}"
_TWO_WAYS = re.compile(
    rf"\b(?:should|shall|do|ought) (?:i|we)(?: to| rather| just)? (?P<a>{_WAY}?),? or"
    rf" (?:should i |do i |shall i |just |rather )?(?P<b>{_WAY})"
    rf"|\bwhether (?:i should |we should |to )(?P<c>{_WAY}?),? or (?:to )?(?P<d>{_WAY})"
    rf"|\b(?:torn|choose|choosing|decide|deciding) between (?P<e>{_WAY}?) and (?P<f>{_WAY})",
    re.IGNORECASE,
)
_BARE_WAYS = re.compile(
    r"(?:would (?:you|u) )?(?!(?:is|are|was|do|does|did|can|will|what|which|who|how|when|where|why|would|should"
    r"|the|an?|my|i|we"
    r"|he|she|it|they|so|or)\b)(?P<a>\w+(?: [\w']+){0,4}),? or (?P<b>\w+(?: [\w']+){0,4})\W*",
    re.IGNORECASE,
)
_ONE_WAY = re.compile(
    r"(?<!what )(?<!who )(?<!whom )(?<!how )(?<!where )(?<!when )(?<!why )(?<!which )"
    rf"\b(?:(?:should|shall|ought) (?:i|we)(?: to)?|(?:do you think|whether) (?:i|we) (?:should|ought to))"
    rf" (?P<it>{_WAY}?)(?=[?.!,]|$)",
    re.IGNORECASE,
)
_MAX_WAY, _MAX_ONLY_WAY = 8, 12
_NO_WAY = re.compile(r"(?:not|no|what|something)$|(?:is|are|am|would|does|do|will) ", re.IGNORECASE)
_KIND = r"\b(?:e-?mail|note|letter|text|message|line|reply|card)\b"
_KINDLY = r",?(?: (?:politely|nicely|kindly|briefly),?)?"
_TELLING = re.compile(
    rf"{_KIND}(?: to (?:my|our|the) [\w'-]+)?(?:,? (?:saying|telling (?:him|her|them)|to say))?{_KINDLY}"
    r" that (?P<it>(?:i|we|my|our)\b[^.?!]{4,120})",
    re.IGNORECASE,
)
_ASKING = re.compile(
    rf"{_KIND}[^.?!]*?\b(?:asking|ask|tell|telling)\b(?: (?:him|her|them))?{_KINDLY}"
    r" (?:(?P<not>not to|to not|that (?:he|she|they) (?:does not|do not|not))"
    r"|to|that (?:he|she|they)|if (?:he|she|they) (?:could|can|would)) (?P<do>[^.?!]{4,100})",
    re.IGNORECASE,
)
_THANKING = re.compile(
    rf"{_KIND}[^.?!]*?\b(?:thanking|to thank)\b (?:him|her|them)?(?: (?:so|very) much)? ?for (?P<what>[^.?!]{{4,100}})",
    re.IGNORECASE,
)
_TO_NAMED = re.compile(r"\b(?:to|for) (?:my|our|the) (?:[a-z-]+ )?(?P<name>[A-Z][a-z]+)\b")
_TO_WHOM = re.compile(r"\b(?:to|write|email|text|for) (?:my|our) (?P<to>[a-z-]+)\b", re.IGNORECASE)
_OBJECT = r"[^.?!,;:]*"
_WANTED = re.compile(
    r"\b(?:write|draft|make|do|give|plan|suggest|list|find|need|want|like|love|for|with|as|into|put together|draw up)"
    r"(?: (?:me|us|him|her|them|please|kindly|like|out))*"
    rf" (?P<it>(?:an?|some|two|three|four|five|six|max \d+|\d+)\b (?!(?:hour|minute|day|bit|lot|few)s?\b){_OBJECT})",
    re.IGNORECASE,
)
_WANTED_LIST = re.compile(
    rf"(?:(?:i )?need )?(?P<it>(?:[\w'-]+ ){{1,3}}?(?:list|plan|timetable|recipe|menu|schedule)s? for {_OBJECT})", re.I
)
_WANTED_BARE = re.compile(
    rf"\b(?P<it>(?:note|letter|e-?mail|message|text|reply|toast|speech|list|plan) (?:to|for|about) {_OBJECT})",
    re.IGNORECASE,
)
_NOBODY = frozenset("email note letter text message own".split())


def indirect_question(text: str) -> str:
    """Return the question of a text as a clause, ``why the sky is blue``; empty where that cannot be done surely.

    Args:
        text: of the person; what is theirs becomes "your".
    """
    found = _QUESTION.search(text.replace("\u2019", "'").strip())
    if not found:
        return ""
    question = _LEADS_IN.sub("", found["q"].strip()).strip(" ,?")
    if not 3 <= len(question.split()) <= _MAX_WORDS:
        return ""
    question = _NEXT_QUESTION.sub("", question.partition(", ")[0])
    clause = _as_clause(question[0].lower() + question[1:])
    return to_second_person(clause) if clause else ""


def how_to(text: str) -> str:
    """Return what a person asks how to do, ``get wax out of your carpet``; empty where they do not ask so."""
    found = _HOW_TO.search(text.replace("\u2019", "'"))
    do = re.sub(r",? (?:please|pls)\b.*", "", found["do"].strip(" ,")) if found else ""
    return to_second_person(do) if 2 <= len(do.split()) <= _MAX_WORDS else ""


def in_other_words(asked: str) -> str:
    """Return what somebody asks about their own doing as a clause, ``whether to text your ex``, else it is quoted.

    Args:
        asked: the sentence that asks.
    """
    if way := how_to(asked):
        return f"how to {way}"
    if way := one_way(asked):
        return f"whether to {way}"
    return quoted(asked)


def quoted(asked: str) -> str:
    """Return a request in quotes, without what is said behind it, and the beginning where it is long."""
    plain = asked.replace('"', "'").strip(" .?!,")
    words = _SAID_BEHIND.split(plain, maxsplit=1)[0].split()
    if len(words) < _LEAST_QUOTE:
        words = plain.split()
    if len(words) > _MAX_QUOTE and len(first := " ".join(words).partition(", ")[0].split()) >= _LEAST_QUOTE:
        words = first
    return f'"{" ".join(words[:_MAX_QUOTE])}{" ..." if len(words) > _MAX_QUOTE else ""}"'


def wanted(asked: str) -> str:
    """Return what is to be written, planned or listed, ``a text to your landlord``; empty where that is not clear."""
    plain = re.sub(r"\b(Mrs?|Ms|Dr|St)\.", r"\1", asked.replace("\u2019", "'").strip())
    found = _WANTED_LIST.match(plain) or _WANTED.search(plain) or _WANTED_BARE.search(plain)
    if not found or len(found["it"].split()) > _MAX_WORDS:
        return ""
    it = found["it"].strip(" ,")
    if found.re is not _WANTED and not re.match(r"(?:an?|the|some|\d+)\b", it, re.IGNORECASE):
        it = f"{'an' if it[0].lower() in 'aeiou' else 'a'} {it}"
    return to_second_person(it)


def _as_clause(question: str) -> str:
    """Return a direct question as an indirect one; empty where its form is none of those that are known."""
    if how_come := _HOW_COME.match(question):
        return f"why {how_come['rest']}"
    if what := _NAMED.match(question):
        return what["it"]
    if asked := _WITH_DO.match(question):
        verb = asked["verb"] if asked["do"].lower() == "do" else _third_person(asked["verb"])
        return f"{asked['wh']} {asked['subject']} {verb}{asked['rest']}"
    if asked := _HOW_MANY_IN.match(question):
        return f"how many {asked['what']} there are in {asked['rest']}"
    if asked := _YES_OR_NO.match(question):
        do = asked["do"].lower()
        verb = _third_person(asked["verb"]) if do == "does" else asked["verb"]
        return f"whether {asked['subject']} {'' if do in ('do', 'does') else do + ' '}{verb}{asked['rest']}"
    asked = _WITH_MODAL.match(question) or _WITH_BE.match(question)
    if asked and asked["subject"].lower() not in ("there", "this", "that"):
        return f"{asked['wh']} {asked['subject']} {asked['verb']} {asked['rest']}"
    return question if _OF_SUBJECT.match(question) else ""


def _third_person(verb: str) -> str:
    """Return the third person of a verb: ``take`` as ``takes``."""
    if verb in ("have", "be"):
        return {"have": "has", "be": "is"}[verb]
    if verb.endswith(("s", "sh", "ch", "x", "z", "o")):
        return f"{verb}es"
    return f"{verb[:-1]}ies" if verb.endswith("y") and verb[-2] not in "aeou" else f"{verb}s"


def two_ways(text: str) -> tuple[str, str] | None:
    """Return the two ways that a person wants to choose from, in their words: ``say something``, ``let it go``."""
    plain = text.replace("\u2019", "'").strip()
    found = _TWO_WAYS.search(plain) or _BARE_WAYS.fullmatch(plain)
    if not found:
        return None
    first, second = [way.strip(" ,").partition(", ")[0] for way in found.groups() if way]
    if max(len(first.split()), len(second.split())) > _MAX_WAY or _NO_WAY.match(second):
        return None
    return to_second_person(first), to_second_person(second)


def one_way(text: str) -> str:
    """Return what a person asks whether to do, in their words: ``text your ex``; empty where they do not ask so."""
    found = _ONE_WAY.search(text.replace("\u2019", "'"))
    way = found["it"].strip(" ,") if found else ""
    return to_second_person(way) if 2 <= len(way.split()) <= _MAX_ONLY_WAY else ""


def drafted_message(text: str) -> str:
    """Return a short message in the person's own words, where they say what it is to say; else empty."""
    plain = text.replace("\u2019", "'")
    to_named, to_whom = _TO_NAMED.search(plain), _TO_WHOM.search(plain)
    hello = f"Dear {to_whom['to'].lower()}," if to_whom and to_whom["to"].lower() not in _NOBODY else "Hello,"
    hello = f"Dear {to_named['name']}," if to_named else hello
    if thanked := _THANKING.search(plain):
        return f"{hello} thank you so much for {thanked['what'].strip(' ,')}. It meant a lot."
    if told := _TELLING.search(plain):
        said = re.sub(r"\bi\b", "I", told["it"].strip(" ,"))
        return f"{hello} {said[0].upper()}{said[1:]}. Thank you for understanding."
    if asked := _ASKING.search(plain):
        do = re.sub(r"\b(?:his|her|their)\b", "your", asked["do"].strip(" ,"), flags=re.IGNORECASE)
        return f"{hello} could you please {'not ' if asked['not'] else ''}{do}? I would be very grateful."
    return ""
