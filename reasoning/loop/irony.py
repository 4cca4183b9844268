"""Irony in English words: praise whose occasion is bad ("Wonderful, my flight got cancelled again").

The sign is a contradiction (Riloff et al., "Sarcasm as contrast between a positive sentiment and negative situation",
2013): a stock phrase of praise beside an event that is bad, or a nuisance that comes once too often. What is praised so
is not counted as joy; what remains is read on its own. Praise of nothing that is named ("Just what I needed.") is open.
The rule knows English only, and takes words as meant where it is in doubt.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from omnisense.text import split_sentences

_PRAISE = (
    "great|wonderful|fantastic|lovely|perfect|brilliant|awesome|fabulous|amazing|nice|terrific|marvell?ous|super|splendid"
    "|good|excellent|superb|delightful|charming|joy|yay|cool|neat|sweet"
)
_PHRASES = re.compile(
    r"^(?:oh|well|wow|ah|yeah|so|and|now|how|just|absolutely|isn't that|that's|this is|\W)*"
    rf"(?!good day\b)(?P<opening>(?:just |how |simply ){{0,2}}(?:{_PRAISE})(?: (?:job|start|day|weather|service|news))?"
    r"(?: (?:everybody|everyone|all|folks|guys|team)(?=[,.!:]))?)\b"
    rf"(?=\s*[,.!:;…]|\s+[–-]|\s*$)(?:[\s,.!…]*(?:just )?(?:{_PRAISE})\b)?"
    r"|\b(?P<needed>just what (?:i|we) (?:needed|wanted)(?: for (?:my|our) [\w ]{1,60}?(?=[,.:;!?]|$))?"
    rf"|(?:just |great|perfect|lovely|nice|wonderful|what) ?timing|just (?:{_PRAISE})(?=[,.:;!?]|$)|lucky (?:me|us)"
    r"|living the dream|my favou?rite (?:thing|part)(?: (?:of|about) [\w ]{1,60}?(?=[,.:;!?]|$| is\b| was\b))?"
    r"|thanks for nothing)\b"
    r"|\b(?:because|exactly) (?P<meant>what (?:i|we) (?:really |just )?(?:needed|wanted)) (?:was|is)\b"
    r"|\b(?P<thanks>thanks a (?:lot|bunch|million)(?:, \w+(?=[.!?…]*\s*$))?)\b"
    rf"|(?P<what>\bwhat an? (?:\w+ )?(?:surprise|shock|joy|treat|pleasure|{_PRAISE})\b(?: (?:way|start|end|day|week"
    r"|year|evening|morning|to|of|the|a|my|this|finish|begin|spend)\b)*)"
    r"|\bhow (?P<how>kind|nice|lovely|thoughtful|generous|sweet|considerate|wonderful|typical)(?: of \w+ to)?\b"
    r"|(?P<love>(?:\b(?:i|we)|^) ?(?:just |really |absolutely |simply |do |so )*(?:love|adore|enjoy)(?: it)?"
    r"(?= (?:when|how"
    r"|being|having|getting|to be|that)\b))|(?P<wait>\b(?:can't|cannot|can hardly) wait (?:for|to)\b)"
    r"|\bso (?P<glad>glad|happy|pleased|lucky|excited|grateful)(?: that)? (?:i|we) (?:get|have|got) to\b"
    r"|(?P<nothing>\bnothing (?:like|beats)\b)",
    re.IGNORECASE,
)
# Events that are bad wherever they are named, unless something in the sentence takes them back.
_RIDDANCE = r"(?:\w+ )?(?:fears?|worr\w+|troubles|anxiety|pain|weight|doubts?|stress|shyness|accent|cough|tooth|bet)\b"
_RECORD = r"(?:\w+ ){0,2}?(?:record|best|habit|ice|silence|streak|curse|tie)\b"
_THING = r"(?:phone|laptop|computer|battery|screen|car|engine|printer|wi-?fi|internet|tv|fridge|heating|boiler|server)"
_STOPS = r"(?=\W*$|[,.!;]| again| before| after| during| while| when| on| in| right| and)"
_STRONG = "|".join(
    (
        r"(?<!\bi )(?<!\bwe )(?<!finally )(?<!just )cancel(?:s|l?ed|l?ing)?\b",
        r"cancel (?:on|last|five)|delay(?:ed|s)\b",
        r"(?:second|third|fourth|fifth|sixth|seventh) (?:night|\w*day|morning|evening|week|weekend|time|month)"
        r" (?:in a row|running)"
        r"(?!.*\b(?:without|no|sober|clean|won|sun\w*|perfect|free|off)\b)",
        r"(?:printer|laptop|phone|computer|battery|car|wi-?fi|server|app) (?:dies|quits|crashes|freezes|gives up)",
        r"delet(?:ed|es|ing)\b|(?:is|was|went|are) down again|not coming|cancelled on (?:me|us)",
        rf"(?:lost|lose|losing|forgot|forgets?|forgetting) (?:about )?(?:my|our|me|us)\b(?! {_RIDDANCE})",
        r"forgot (?:the|to)\b",
        r"(?:somebody|someone|they|he|she|airline) (?:has |have |just )?lost (?:the|my|our)\b",
        r"missed (?:my|our|the)(?: last| only)? (?:bus|train|flight|plane|ferry|connection|exit|stop|deadline|exam)",
        r"missed (?:my|our|the) (?:interview|appointment)|overslept",
        r"hours? late\b|late again|(?:is|are|was|am|'m|'s) late\b",
        rf"broken\b(?! (?:my|our|the|a|his|her|their) {_RECORD})|broke (?:down|my|our)\b(?! {_RECORD})|broke{_STOPS}",
        rf"crash(?:ed|es|ing)(?:{_STOPS}| into)|froze\b|fail(?:s|ed|ing)?\b|(?<!\bi )(?<!\bwe )reject(?:s|ed|ing)\b",
        r"was declined",
        r"(?:got|get|getting|was|were|been|am) (?:fired|dumped|evicted|robbed|mugged)",
        r"(?:fired|dumped) (?:me|us)|laid off",
        r"stuck\b(?! to)|(?:parking|speeding) ticket|a fine of",
        r"fever\b|the flu\b|cavit(?:y|ies)|root canal|food poisoning",
        r"(?:caught|have|got|with) a (?:bad |nasty )?cold(?=\W*$| again| on| and)|(?:i'm|i am|is|are|got|being) sick",
        r"vomit\w*|(?:threw|throwing|throws) up|puk(?:ed?|ing)",
        r"leak(?:s|ed|ing|y)?\b|flood(?:s|ed|ing)\b|flat t[yi]re",
        r"(?:won't|wouldn't|doesn't|didn't|can't) (?:even )?(?:start|work|open|load|boot|turn on|show up|bother)",
        r"nobody (?:\w+ )?(?:remembered|came|showed|told|called|asked|listen(?:s|ed)|cares?|bothered|helped|noticed)",
        r"every(?:one|body) (?:\w+ ){0,3}(?:but|except) me",
        r"without (?:telling |asking |inviting )?me\b|ignor(?:ed|es)\b",
        r"(?:yell|shout|scream)\w* at|stole (?:my|our|all)\b(?! (?:\w+ )?heart)",
        r"stolen|robbed|towed|drilling|unpaid|hacked|scammed",
        r"traffic jams?|sitting in traffic|hours? on hold",
        r"on hold (?:with|for)|out of order|shut off|clogged|insulted",
        r"locked (?:out|myself|me)|spil(?:t|led|ling)|ruin(?:ed|ing)?\b",
        r"scratched|(?:went|gone|going|goes) wrong|injured",
        r"(?:delivered|sent|got|ordered|gave me) the wrong",
        r"a hole in (?:my|our|the)|power (?:cut|outage|went out)|overcharged",
        rf"died\b|{_THING} (?:is|was) (?:\w+ )?dead|hurt (?:my|myself)",
        r"hurts\b|(?:tooth|head|stomach|back|ear)aches?|peed on",
        r"rais\w+ (?:the|my|our) rent|after (?:the|it) .{0,20}closed",
        r"(?:due|deadline\b.{0,12}) yesterday|redo the whole",
        r"on top of everything|behind (?:my|our) back",
        r"(?<!\bi )(?<!\bwe )gave (?:my|our)|burn(?:ed|t) (?:my|the|dinner)",
        r"left (?:my|our) (?:umbrella|keys?|wallet|phone|bag|coat|jacket|laptop|passport|lunch|charger|glasses)",
        r"(?:dog|cat|printer|machine|somebody|someone|flatmate|roommate|colleague) ate (?:my|our)|cleaning up after",
        r"fell (?:into|down|off|apart|through|ill|over)\b|cheated on",
        r"lied to|stood (?:me|us) up|(?:getting|got|be) blamed",
        r"(?:clean|cleaning) up (?:every|some)(?:one|body)|(?:being|was|am) ignored",
        r"migraine|diarrh\w+|infection|concussion|sprained|hangover|mou?ld\b|soaked\b(?! up)|rejection letter",
        r"(?:to|on|at) the wrong|blocked (?:my|our)|blamed (?:me|us)|ripped (?:my|our)|hung up on|jam(?:s|med)\b",
        r"(?:bills?|rent|insurance|premiums?) (?:has |have |just )?(?:doubled|tripled|went up)",
        r"screen (?:is )?cracked",
        r"(?:kitchen|car|house|oven|kettle) is on fire",
        r"cracked (?:my|our|the) \w+|(?:password|passport|visa) (?:has )?expired",
    )
)
# A nuisance is bad where it is all that is praised, or where it comes once too often.
_DULL = (
    r"(?:mondays?|meetings?|bills?|tax(?:es)?|audits?|traffic|queues?|homework|overtime|night shifts?|deadlines?|exams?"
    r"|paperwork|chores|laundry|rain|delays?|(?:conference|video|zoom) calls?)\b(?! (?:off|pay|money))"
)
_TROUBLE = re.compile(
    rf"(?<!\w)(?:{_STRONG})"
    rf"|^(?:(?:i|we|oh|and|just|yet|even|sure|of|course|because)[ ,]+)*(?:another|more) (?:\w+ )?{_DULL}"
    rf"|^(?:it'?s |it is )?(?:\w+ )?(?:{_DULL}|raining|pouring)(?: \w+)? again\b|^{_DULL}\W*$",
    re.IGNORECASE,
)
# What is no trouble, or no more: it is denied, feared, mended, over or only possible, or a nuisance is spared.
_ANY = (
    rf"(?:{_STRONG}|{_DULL}|cold|ill|sick|snow\w*|storms?|rain\w*|wrong|dead|dies|hurt|pain|aches?|tickets?|late|los[et]"
    r"|lost|miss(?:ed)?|waiting|frozen|cancel\w*|fear|leak|come back|flood)"
)
_NO_TROUBLE = re.compile(
    r"\b(?:no|not|nothing|never|none|nobody|no one|hardly|\w+n't|without|instead of|avoid\w*|only|last|thought|feared"
    rf"|worried|afraid|scared)(?: (?!and\b|because\b|since\b|so\b)[\w']+){{0,4}}? {_ANY}\b"
    r"|\b(?:fix\w*|solv\w*|repair\w*|cur(?:ed|es)|surviv\w*|refund\w*|help\w*|found|beat|stop\w*|compensat\w*|end of"
    rf"|ruled out|replac\w*)(?: (?!and\b|because\b|since\b|so\b)[\w']+){{0,3}}? {_ANY}\b"
    rf"|\b(?:cancel\w*|delayed|postponed|missed)(?: (?:the|my|our|all|this|her|his|a))* {_DULL}"
    r"|\blost (?:no one|nobody|nothing)\b"
    rf"|(?<!\w){_ANY}(?: [\w']+){{0,2}}? (?:gone|over|cured|fixed|healed|stopped|found|repaired|solved|off|passed"
    r"|dropped|went down|moved to|closed|less|lower|better|milder|missed us|at nothing)(?! wrong)\b"
    r"|\bstuck (?:[\w']+ ){0,5}together\b"
    r"|\b(?:the|these|those|my|our|your|his|her|their) (?:stolen|broken|cracked|delayed|cancelled|burn(?:ed|t)|leaky"
    r"|leaking|flooded|clogged|scratched|spilled|unpaid) \w+|\bwho .*"
    rf"|\b(?:{_DULL}|school|work|class(?:es)?|lectures?|practice|the test)(?: \w+){{0,3}}?"
    r" (?:cancel\w*|delayed|postponed)"
    rf"|\b(?:lost|forgot) (?:\w+ )?{_RIDDANCE}|\b(?:broke|broken) \w+ {_RECORD}"
    r"|\b(?:if|unless|in case|whether)\b.*"
    r"|\bwhen(?:ever)? (?:i|we|you)(?:'m| am|'re| are| get) (?:sick|ill|stuck|late)\b",
    re.IGNORECASE,
)
_RESOLVED = re.compile(
    r"\b(?:passed(?! (?:out|away))|won(?!'t)|survived|recovered|healed|promoted|saved (?:me|us|my)|after all"
    r"|so (?:i|we) (?:still )?(?:can|could|made|caught|have time|managed))\b",
    re.IGNORECASE,
)
_RELIEF = re.compile(
    r"\b(?:free|fixed|found|works?|starts?|stopped|gone|over|back|cured|healthy|on time|off|finally|held|moved to|clear"
    r"|cleared|lowered|helped|approved|light|easy|done|beat|awake|together|can|able to|friends|quit|left)\b",
    re.IGNORECASE,
)
# Thanks for something, unless it is damage; and thanks of someone whose trouble is past.
_GRATITUDE = re.compile(
    r"\bfor (?!ruin|break|ignor|forget|leav|wast|spoil|delet|los|wak|mess|cancel|yell|making me|telling)"
    r"(?:\w+ing|all|the|your|this)\b|\b(?:i|we) (?:was|were|had been|have been)\b|\b(?:i|we)'ve been\b",
    re.IGNORECASE,
)
_CONTRAST = re.compile(
    r"\b(?:but(?! me\b)|although|though|yet(?! (?:another|more|again)\b)|however|except(?! me\b))\b", re.IGNORECASE
)
# Sentiment of the occasion. It alone is a weak sign: "I lost my fear" has -.4, "another ticket" 0.
_BAD, _GOOD = -0.4, 0.2
# What is praised without joy, and comes once more, is none.
_NO_JOY, _ONCE_MORE = 0.0, re.compile(r"\b(?:again|yet another|as usual|as always|once more)\b", re.IGNORECASE)
_ENGLISH = ("", "en")  # languages in which the rule looks; empty where nothing shows the language


# Praise of nothing that is named is open where it is a stock phrase; "Great!" alone answers what was said before.
_STOCK = ("needed",)
_PLAYED_DOWN = re.compile(
    r"(?:(?:no|yeah|yes|well|oh|really|honestly|don't worry|but)[,.]? )*(?:it'?s|i'?m|that'?s|we'?re|it is|i am"
    r"|everything(?:'s| is))(?: (?:all|just|really|totally|perfectly))?"
    r" (?:fine|ok|okay|alright|all right|no big deal|nothing|not a big deal)"
    r"(?:,? (?:really|honestly|i guess|though))?\W*",
    re.IGNORECASE,
)


# What hardly anybody says in earnest beside other praise: "Oh marvellous. Living the dream."
_IDIOM = re.compile(
    r"\b(?:living the dream|lucky (?:me|us)|just what (?:i|we) needed"
    r"|could(?: not|n't) be (?:more \w+|happier|better))\b",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class Praise:
    """A stock phrase of praise, which may not be meant.

    Attributes:
        phrase: the praise ("great", "just what I needed").
        occasion: what is praised: the rest of the sentence or, where there is none, the next sentence.
        rest: the whole text without the phrase.
        is_open: whether nothing tells if it is meant ("Just what I needed.").
    """

    phrase: str
    occasion: str
    rest: str
    is_open: bool


def find_praise(text: str, language: str = "") -> Praise | None:
    """Return the first stock phrase of praise; None where there is none, in a question, or where a "but" follows it.

    Args:
        text: the words.
        language: their ISO 639-1 code, empty where nothing shows it. Of other languages than English nothing is found.
    """
    if language not in _ENGLISH:
        return None
    plain = text.replace("\u2019", "'").strip()
    sentences = split_sentences(plain)
    for at, sentence in enumerate(sentences):
        found = _PHRASES.search(sentence)
        if found is None or sentence.rstrip().endswith("?") or _CONTRAST.search(sentence[found.end() :]):
            continue
        group, phrase = next((name, value) for name, value in found.groupdict().items() if value)
        own = _stripped(f"{sentence[: found.start()]} {sentence[found.end() :]}")
        following = next((s for s in sentences[at + 1 : at + 2] if not (s.endswith("?") or _CONTRAST.search(s))), "")
        rest = " ".join([*sentences[:at], own, *sentences[at + 1 :]]).strip()
        occasion = own or _stripped(following)
        return Praise(phrase.strip(), occasion, rest, not occasion and at == 0 and group in _STOCK)
    return None


def is_played_down(text: str) -> bool:
    """Whether a text says that all is fine and nothing else: that tells little of how it is."""
    return _PLAYED_DOWN.fullmatch(text.replace("\u2019", "'").strip()) is not None


def is_ironic(praise: Praise, sentiment: float | None = None) -> bool:
    """Whether the occasion contradicts the praise: it is bad, or a nuisance that comes once too often.

    In doubt it is not: to miss irony is better than to spoil a joy. Words of trouble that something takes back ("it
    didn't rain", "the leak is fixed", thanks for help) are none.

    Args:
        praise: as found.
        sentiment: of the occasion, -1 to 1, where a model has read it.
    """
    if _IDIOM.search(praise.rest):
        return True
    occasion = " ".join(praise.occasion.split())
    if praise.phrase.lower().startswith("thanks a") and _GRATITUDE.search(occasion):
        return False
    left = _NO_TROUBLE.sub(" ", occasion).strip()
    if _RESOLVED.search(occasion):
        return False
    if _TROUBLE.search(left):
        return sentiment is None or sentiment < _GOOD
    if sentiment is None or left != occasion or _RELIEF.search(left):
        return False
    left = re.split(r"\band\b", left)[0]
    return sentiment <= _BAD or (sentiment <= _NO_JOY and bool(_ONCE_MORE.search(left)))


def _stripped(words: str) -> str:
    return " ".join(words.split()).strip(" ,.!?:;\u2026-")
