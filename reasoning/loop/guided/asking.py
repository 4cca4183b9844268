"""Replies to what the person asks for, and to thanks, greetings, jokes and corrections."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from omnisense.reasoning.loop.guided.act import ActName, asks_for_help
from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, listed, say, upper
from omnisense.reasoning.loop.guided.phrases import Picker, find_topics, phrases
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.restating import has_subject, named, restate, restate_about
from omnisense.reasoning.loop.guided.rewording import drafted_message, how_to, indirect_question, one_way, two_ways
from omnisense.reasoning.loop.guided.telling import plain, told
from omnisense.reasoning.loop.guided.third_person import WONDERS, wondered
from omnisense.reasoning.loop.paraphrase import to_second_person
from omnisense.reasoning.loop.requests import requested_thing
from omnisense.text import split_sentences

_NOW = re.compile(
    r"\b(rain|snow|tomorrow|time is it|what day|date is|right now|weather|today|currently|news)\b", re.IGNORECASE
)
_MAX_DETAIL, _MAX_DETAILS = 18, 6  # words of a detail that is said again, and how many are
_LEAST = 2  # more words than these say something
_NIGHT = re.compile(r"\b(good ?night|sleep well|(going|off) to (bed|sleep))\b", re.IGNORECASE)
_ELSE = re.compile(r"\b(something|anything) else\b|\b(subject|topic)\b|\btalk about (it|this|that)\b", re.IGNORECASE)
_HOW_TO_TELL = re.compile(
    r"\bhow (do|can|should|would) i (tell|ask|talk to|speak to|bring|say|confront|break it to"
    r"|let (?:him|her|them) know)\b",
    re.IGNORECASE,
)
_MAY = re.compile(
    r"\b(?:is|would|will) it (?:be )?(?:\w+ )?"
    r"(?:ok|okay|all ?right|rude|fine|too (?:soon|late|early|much)|mean|selfish|wrong) (?:to|if i|if we)\b"
    r"|\b(?:can|may) i (?:ask|say|tell|refuse|cancel|bring|wear|take|leave|invite)\b",
    re.IGNORECASE,
)
_MYSELF = re.compile(r"\b(?:i|i'm|i've)\b", re.IGNORECASE)
_IS_NORMAL = re.compile(
    r"\bis (?:it|that|this) (?:weird|normal|wrong|strange|bad|ok|okay)\b|\bam i (?:wrong|crazy|overreacting)\b",
    re.IGNORECASE,
)
_HOW_TO = re.compile(r"\bhow (?:do|can|should|would|could) (?:i|we)\b", re.IGNORECASE)
# Times, sums and the like: where several are to be weighed, a small model gets them wrong.
_FIGURE = re.compile(
    r"[£$€]?\d+(?:[.:,]\d+)*\b|\b(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|twenty|thirty"
    r"|forty|fifty)\b",
    re.IGNORECASE,
)
_MANY_FIGURES = 3
# A decision, or what somebody would do in the person's place; the rest asks for know-how.
_CHOICE = re.compile(
    r"\b(?:should|shall|ought) (?:i|we)\b|(?<!how )\bdo (?:i|we) (?!do\b)\w+|\bwhat would you (?:do|think|say)\b"
    r"|\bwhat (?:do|should|can) (?:i|we) do\W*$"
    r"|\b(?:decide|choose|torn|whether|better for|make up my mind)\b",
    re.IGNORECASE,
)
_FELT = re.compile(
    r"i(?:'m| am| feel) (?:(?:so|very|really|quite|a bit|absolutely) )*(?:nervous|scared|terrified|worried"
    r"|anxious|excited|livid|furious"
    r"|angry|sad|heartbroken|stressed|overwhelmed|lost|ashamed|embarrassed)\b",
    re.IGNORECASE,
)
_POINTS_BACK = re.compile(r"(?:he|she|they|it|that|this)(?:'\w+)?\b", re.IGNORECASE)
_PEOPLE = re.compile(
    r"\b(?:he|she|him|her|his|hers|people|everyone|everybody|woman|man|girl|boy|lad|mate|godmother)\b", re.IGNORECASE
)
_SAID = re.compile(r"(?<!n't )(?<!not )\bi said (?:that )?(?P<it>[^,.!?]+)", re.IGNORECASE)
_ASKED = re.compile(r"(?<!n't )(?<!not )\bi asked (?P<it>[^,.!?]+)", re.IGNORECASE)
_WAS = re.compile(
    r"\b(?:it|that) was (?!not\b|wrong\b)(?P<it>(?:my|our|his|her|the|in|on|at)\b[^,.!?]+)", re.IGNORECASE
)
_MEANT = re.compile(r"\bi meant (?P<it>[^,.!?]+)", re.IGNORECASE)
_INSTEAD = re.compile(r"(?:no, )?not (?:my|the|his|her|an?) [^,.!?]+[,.] ?(?:but )?(?P<it>[^,.!?]+)", re.IGNORECASE)
_NOW_FEELS = re.compile(
    r"\bi(?:'m| am| feel) (?!(?:not|the|an?|my|in|at|on|with|one|going)\b)"
    r"(?:(?:just|only|so|very|really|a bit|quite) )*(?P<now>[a-z]+)",
    re.IGNORECASE,
)
_HELP = (
    ("act", r"\b(remind|alarm|book (me|a|us)|order|send|set (an?|the)|play|buy)\b"),
    ("translate", r"\btranslat\w+\b|\bin (french|german|spanish|italian|chinese|japanese)\b"),
    ("condolence", r"\b(condolen\w+|sympathy|died|passed away|your loss)\b"),
    ("error", r"\b(\w*error|exception|traceback|code|program|script|bug)\b"),
    ("stain", r"(?!.*\bwax\b)\b(stains?|wine|ink|grease|carpet|blood out|tablecloth)\b"),
    ("speech", r"\b(speech|toast|eulogy|vows)\b"),
    ("recipe", r"\brecipes?\b"),
    ("names", r"\bnames?\b"),
    ("ideas", r"\b(think of|ideas?|recommend\w*|suggest\w*)\b"),
    ("verse", r"\b(poems?|songs?|lyrics|story|rap)\b"),
    ("write", r"\b(write|draft|notice|lines?|sentences?|proofread|message|e-?mail|letter|card)\b"),
    ("packing", r"\b(packing|pack)\b"),
    ("timetable", r"\b(timetable|schedule|revision|routine|study plan)\b"),
    ("recipe", r"\b(recipes?|cook|dinner|lunch|meal)\b"),
    ("plan", r"\b(plan|organi[sz]e|prepare|list of|party|trip)\b"),
)
_NO_TEXT = frozenset({"act", "translate", "error", "stain", "packing", "condolence", "say"})
_ABOUT_AGENT = (
    ("remembers", r"\b(remember|forget|recall|keep) (me|this|that|us|any of this|what i)\b"),
    ("friend", r"\b(be|become|are you|you are|you're) my (best )?friend\b"),
    ("doing", r"\b(what|when) (did|do) you (do|have|eat|watch)\b"),
    ("invited", r"\b(do|would) you (want|like) to (come|play|see|join|visit|have|try)\b"),
    (
        "understands",
        r"\bunderstand(ing)? (me|us|what|anything|this|any)\b|\bput words together\b|\bthink for yourself\b",
    ),
    ("human", r"\b(human|real|person|robot|bot|machine|program|computer|ai|chat ?gpt|alexa|siri|chatbot)\b"),
    (
        "feelings",
        r"\b(feel|feelings|emotions|love|soul|pain|sad|happy|lonely|bored|tired|fed up|angry|afraid|scared"
        r"|jealous|hurt|miss)\b",
    ),
    ("tastes", r"\b(like|favou?rite|prefer|enjoy)\b"),
    ("age", r"\b(old|age|birthday|born)\b"),
    ("can", r"\bcan you (do|help)|\bhow can you|what (else )?can you\b"),
    ("trust", r"\b(trust|record\w*|private|safe)\b"),
    ("who", r"\b(who|what) are you|your name|introduce\b"),
)


def _thanks(_: Situation, reading: Reading, picker: Picker) -> Composed:
    if _NIGHT.search(reading.text):
        return Composed(join(say("thanks", picker), say("goodbye", picker, "night")), "thanks, goodbye")
    return Composed(say("thanks", picker), "thanks")


def _greeting(_: Situation, reading: Reading, picker: Picker) -> Composed:
    name = named(reading.text)
    if name:
        return Composed(picker.pick(phrases()["greeting"]["named"], "named", name=name), "greeting: by name")
    asks = re.search(r"\bhow(?:'s| is| are| was) (you|it|things|life|your|the)\b", reading.text, re.IGNORECASE)
    return Composed(say("greeting", picker, "how" if asks else "say"), "greeting: asked" if asks else "greeting")


def _goodbye(_: Situation, reading: Reading, picker: Picker) -> Composed:
    night = re.search(r"night|sleep|bed", reading.text, re.IGNORECASE)
    return Composed(say("goodbye", picker, "night" if night else "say"), "goodbye")


def _silence(_: Situation, __: Reading, picker: Picker) -> Composed:
    return Composed(say("silence", picker), "silence")


def _answer(_: Situation, reading: Reading, picker: Picker) -> Composed:
    if _ELSE.search(reading.text):
        return Composed(say("answer", picker, "else"), "answer: something else")
    return Composed(join(say("answer", picker), say("answer", picker, "ask")), "answer")


def _apology(_: Situation, __: Reading, picker: Picker) -> Composed:
    return Composed(say("apology", picker), "apology")


def _joke_request(_: Situation, reading: Reading, picker: Picker) -> Composed:
    about = re.search(r"\babout (?P<it>(?:the |an? )?[\w-]+)(?: please)?\W*$", reading.text, re.IGNORECASE)
    if about:
        none = picker.pick(phrases()["joke request"]["none"], "none", it=about["it"])
        return Composed(join(none, say("joke request", picker)), "joke told: another")
    return Composed(say("joke request", picker), "joke told")


def _joke(_: Situation, reading: Reading, picker: Picker) -> Composed:
    if re.fullmatch(r"\W*knock\W+knock\W*", reading.text, re.IGNORECASE):
        return Composed("Who is there?", "joke begun")
    return Composed(join(say("joke", picker), say("joke", picker, "ask")), "joke heard")


def _small_talk(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    if re.search(r"\bwhat (are|have) you\b", reading.text, re.IGNORECASE):
        return Composed(say("small talk", picker, "doing"), "small talk: doing")
    if reading.valence != "neutral" or any(topic.valence != "any" for topic, _ in find_topics(reading)):
        return plain(situation, reading, picker)
    if re.search(
        r"\b(weather|cold|chilly|nippy|mild|grey|sun(ny)?|rain\w*|snow\w*|frost\w*|foggy|outside|hot today"
        r"|cold today)\b",
        reading.text,
        re.IGNORECASE,
    ):
        key = "weather"
    else:
        key = "say"
    return Composed(join(say("small talk", picker, key), say("small talk", picker, "ask")), f"small talk: {key}")


def _correction(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    sorry, name, text = say("correction", picker), named(reading.text), reading.text
    if name:
        return Composed(join(sorry, f"{name} it is.", "What would you like to tell me?"), "correction: name")
    told = re.sub(
        r"(?i)\b(no|nope|actually|sorry)\b[,.]\s*"
        r"|[^,.!]*\b(meant|said|say|wrong|backwards|mixed up|not what|misunderst\w+)\b[^,.!]*[,.!]?",
        "",
        text,
    )
    told = re.sub(r"(?i)^\s*(that'?s|it'?s) not [^,.]*[,.]\s*", "", told)
    feels = _NOW_FEELS.search(re.sub(r"(?i)i'?m not \w+", "", told))
    if feels and not _SAID.search(text) and not _MEANT.search(text):
        return Composed(join(sorry, f"So you feel {feels['now']}.", "What is the worst of it?"), "correction: feeling")
    put_right, about = _put_right(text, told)
    if put_right:
        advised = re.search(r"\bhow to (tell|say|ask|bring)\b", text, re.IGNORECASE)
        tell = picker.pick(phrases()["advice"]["tell"], "tell", them=reading.them, they=reading.they)
        rest = tell if advised else "Tell me more, and I will listen better."
        return Composed(join(sorry, put_right, rest), f"correction: {about}")
    return Composed(join(sorry, "How is it, in your own words?"), "correction")


def _put_right(text: str, told: str) -> tuple[str, str]:
    """Return what a correction says in a sentence, and of which form it is; empty where it says nothing.

    Args:
        text: the correction; told: the rest of it, without what only says that something was wrong.
    """
    if (said := _SAID.search(text)) and (it := restate_about(said["it"]) or _word(said["it"])):
        return (
            f"You said that {it}." if re.match(r"i\b", said["it"], re.IGNORECASE) else f"{upper(it)}, then."
        ), "said"
    if asked := _ASKED.search(text):
        return f"You asked {to_second_person(asked['it'].lower().strip())}.", "asked"
    if (was := _WAS.search(text)) and (it := restate_about(f"it was {was['it']}")):
        return f"{upper(it)}, then.", "was"
    if (meant := _MEANT.search(text)) and (it := restate_about(f"it is {meant['it']}")):
        return f"{upper(it)}, then.", "meant"
    if (instead := _INSTEAD.match(text)) and (it := restate_about(instead["it"])):
        return f"{upper(it)}, then.", "instead"
    restated = restate_about(told.strip(" ,.!")) if len(told.split()) > _LEAST else ""
    return (f"{upper(restated)}.", "fact") if restated else ("", "")


def _word(text: str) -> str:
    """Return a text of one word; else empty."""
    return text.strip() if re.fullmatch(r"\s*\w+\s*", text) else ""


def _complaint(_: Situation, __: Reading, picker: Picker) -> Composed:
    return Composed(join(say("complaint", picker), say("complaint", picker, "ask")), "complaint")


def _fact(_: Situation, reading: Reading, picker: Picker) -> Composed:
    if reading.act.name == "clip":  # and there is none
        return Composed(join(say("fact", picker, "unseen"), say("fact", picker, "unseen_ask")), "fact: not shown")
    if worked_out := _work_out(reading.text):
        return Composed(worked_out, "fact: worked out")
    if _NOW.search(reading.text):
        return Composed(say("fact", picker, "now"), "fact: declined")
    if asked := how_to(reading.text):
        return Composed(picker.pick(phrases()["fact"]["how"], "how", asked=asked), "fact: how to")
    if asked := indirect_question(reading.text):
        told = picker.pick(phrases()["fact"]["named"], "fact", asked=asked, Asked=upper(asked))
        return Composed(told, "fact: declined by name")
    return Composed(say("fact", picker), "fact: declined")


def _work_out(question: str) -> str:
    """Return the answer to a sum of two whole numbers; empty where none is asked for."""
    asked = re.search(r"(\d{1,9})\s*(plus|minus|times|[-+*x])\s*(\d{1,9})", question, re.IGNORECASE)
    if not asked:
        return ""
    a, sign, b = int(asked[1]), asked[2].lower(), int(asked[3])
    result = a + b if sign in ("plus", "+") else a - b if sign in ("minus", "-") else a * b
    return f"That is {result:,}."


def _help(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to a request, behind the feeling that is told with it."""
    helped = _helped(situation, reading, picker)
    said = next((restate(c.text) for c in reading.clauses if _FELT.match(c.text)), "")
    return replace(helped, text=join(f"{upper(said)}, and that is no small thing." if said else "", helped.text))


def _helped(_: Situation, reading: Reading, picker: Picker) -> Composed:
    if draft := drafted_message(reading.text):
        offer = picker.pick(phrases()["help"]["draft"], "draft", draft=draft)
        return Composed(join(offer, say("help", picker, "draft_ask")), "help: a draft")
    key = next((key for key, pattern in _HELP if re.search(pattern, _request_in(reading.text), re.IGNORECASE)), "say")
    if key == "say" and (asked := how_to(reading.text)):
        return Composed(picker.pick(phrases()["fact"]["how"], "how", asked=asked), "fact: how to")
    if key not in _NO_TEXT and (given := _given(reading.text)):
        thing, section = requested_thing(reading.text), phrases()["help"]
        said = picker.pick(section["given" if given.count('"') > 2 else "given_one"], "given", thing=thing, given=given)
        return Composed(said, "help: what is given")
    ask = say("help", picker, "ask_plan") if key == "plan" else ""
    return Composed(join(say("help", picker, key), ask), f"help: {key}")


def _request_in(text: str) -> str:
    """Return the sentence of a text that asks for something; the whole text where none does by itself."""
    return next((sentence for sentence in split_sentences(text) if asks_for_help(sentence)), text)


def _given(text: str) -> str:
    """Return the details that somebody gives beside a request for a text, in quotes; empty where there are few."""
    request = _request_in(text)
    sentences = [s for s in split_sentences(text) if s != request and not s.endswith("?") and not _FELT.match(s)]
    details = [s.strip(' .!"') for s in sentences if 2 <= len(s.split()) <= _MAX_DETAIL]
    return "" if not details else listed([f'"{detail}"' for detail in details[:_MAX_DETAILS]])


def _advice(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    section = phrases()["advice"]
    found = find_topics(reading)
    is_about_people = bool(reading.relation or _PEOPLE.search(reading.text))
    if _HOW_TO_TELL.search(reading.text):
        said = picker.pick(section["tell"], "tell", them=reading.them, they=reading.they)
        ask = picker.pick(section["tell_ask"], "ask", them=reading.them)
        return Composed(join(_question_about(reading, picker), said, ask), "advice: to tell")
    if ways := two_ways(reading.text):
        said = picker.pick(section["ways"], "ways", first=ways[0], second=ways[1], First=upper(ways[0]))
        last = picker.pick(section["people" if is_about_people else "ways_ask"], "ask")
        return Composed(join(said, last), "advice: two ways")
    if _MAY.search(reading.text):
        return Composed(
            join(picker.pick(section["may"], "may"), picker.pick(section["may_ask"], "ask")), "advice: may I"
        )
    if _IS_NORMAL.search(reading.text):
        asks = found[0][0].ask if found else phrases()["feeling"]["negative"]["ask"]
        ask = picker.pick(asks, "ask", **(found[0][1] if found else {}))
        of_whom = "normal_other" if reading.relation and not _MYSELF.search(reading.text) else "normal"
        return Composed(join(picker.pick(section[of_whom], "normal"), ask), "advice: is it normal")
    if len(_FIGURE.findall(reading.text)) >= _MANY_FIGURES:
        said, idea = picker.pick(section["figures"], "figures"), picker.pick(section["figures_idea"], "idea")
        return Composed(join(said, idea), "advice: figures")
    with_idea = [(topic, filled) for topic, filled in found if topic.idea]
    if with_idea and not one_way(reading.text):
        topic, filled = with_idea[0]
        say = picker.pick(topic.say, "say", **filled)
        return Composed(join(say, topic.idea, picker.pick(topic.ask, "ask", **filled)), "advice: what helps many")
    idea = picker.pick(section["people" if is_about_people else "idea"], "idea")
    if it := one_way(reading.text):
        return Composed(join(picker.pick(section["whether"], "whether", it=it), idea), "advice: whether to")
    is_choice = bool(_CHOICE.search(reading.text))
    if not is_about_people and not is_choice and _HOW_TO.search(reading.text):
        return _fact(situation, reading, picker)
    if not is_about_people and not is_choice:
        said = picker.pick(section["practical"], "practical")
        return Composed(join(said, picker.pick(section["practical_idea"], "idea")), "advice: practical")
    said = picker.pick(section["say"], "say")
    return Composed(join(_question_about(reading, picker), said, idea), "advice: what helps")


def _question_about(reading: Reading, picker: Picker, otherwise: str = "react") -> str:
    """Return the first sentence of a reply to a question for advice: what it is about, in the person's words.

    Args:
        reading: of the question.
        picker: chooses among sentences.
        otherwise: what is said where nothing can be said again, by its key; empty for nothing.
    """
    section = phrases()["advice"]
    told = [c.text for c in reading.clauses[:1] if has_subject(c.text) and not _POINTS_BACK.match(c.text)]
    restated = (restate(text) or restate_about(text) for text in told)
    about = next((text for text in restated if text), "")
    if not about:
        return picker.pick(section[otherwise], otherwise) if otherwise else ""
    return picker.pick(section["about"], "about", Mirror=upper(about), you=about)


def _agent(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    key = next((key for key, pattern in _ABOUT_AGENT if re.search(pattern, reading.text, re.IGNORECASE)), "other")
    said = picker.pick(phrases()["agent"][key], "agent", name=situation.persona.name)
    limits = " ".join(situation.persona.boundaries) if key == "can" else ""
    ask = "" if limits or key == "invited" or (reading.is_child and key == "human") else say("agent", picker, "ask")
    return Composed(join(said, limits, ask), f"about the agent: {key}")


def _memory(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    if situation.name and re.search(r"\bmy name\b", reading.text, re.IGNORECASE):
        return Composed(f"You told me that your name is {situation.name}.", "memory: name")
    if not situation.recalled:
        return Composed(say("memory", picker, "none"), "memory: not told")
    return Composed(picker.pick(phrases()["memory"]["say"], "memory", recalled=situation.recalled), "memory: recalled")


_BY_ACT: dict[ActName, Callable[[Situation, Reading, Picker], Composed]] = {
    "thanks": _thanks,
    "greeting": _greeting,
    "goodbye": _goodbye,
    "silence": _silence,
    "answer": _answer,
    "apology": _apology,
    "joke request": _joke_request,
    "joke": _joke,
    "small talk": _small_talk,
    "correction": _correction,
    "complaint": _complaint,
    "fact": _fact,
    "clip": _fact,
    "help": _help,
    "advice": _advice,
    "agent": _agent,
    "memory": _memory,
}


def answer_act(situation: Situation, reading: Reading, picker: Picker) -> Composed:
    """Return the reply to words, by their act; what sounds like a farewell comes before all else."""
    if any(topic.name == "farewell" for topic, _ in find_topics(reading)):
        return plain(situation, reading, picker)
    if reading.manner in ("ironic", "open") and reading.act.name in ("small talk", "thanks", "answer", "joke"):
        return told(situation, reading, picker)  # "Thanks a lot, now it is broken" thanks nobody
    if reading.act.name in ("fact", "clip") and any(topic.of_children for topic, _ in find_topics(reading)):
        return told(situation, replace(reading, is_child=True), picker)  # "are there monsters under my bed?"
    if reading.act.name in ("fact", "advice") and reading.relation and WONDERS.search(reading.text):
        return wondered(reading, picker)
    return _BY_ACT.get(reading.act.name, told)(situation, reading, picker)
