"""The reply to words by their act; what is short is here: thanks, greetings, jokes, questions about the agent."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace

from omnisense.reasoning.loop.guided.act import ActName
from omnisense.reasoning.loop.guided.advising import advise
from omnisense.reasoning.loop.guided.correcting import take_correction
from omnisense.reasoning.loop.guided.helping import answer_request
from omnisense.reasoning.loop.guided.knowing import answer_fact
from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, say, upper
from omnisense.reasoning.loop.guided.phrases import Picker, find_topics, phrases
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.restating import named, restate
from omnisense.reasoning.loop.guided.telling import plain, told
from omnisense.reasoning.loop.guided.third_person import WONDERS, wondered

_THANKS = re.compile(r"\b(?:thank\w*|ta|cheers|grateful|helped)\b", re.IGNORECASE)
_PLAINLY = 0.2  # sentiment of a clause that shows a feeling plainly
_LEAST = 3  # more words than these tell something beside the thanks
_NIGHT = re.compile(r"\b(good ?night|sleep well|(going|off) to (bed|sleep))\b", re.IGNORECASE)
_ELSE = re.compile(r"\b(something|anything) else\b|\b(subject|topic)\b|\btalk about (it|this|that)\b", re.IGNORECASE)
_ABOUT_AGENT = (
    ("remembers", r"\b(remember|forget|recall|keep) (me|this|that|us|any of this|what i)\b"),
    ("friend", r"\b(be|become|are you|you are|you're) my (best )?friend\b"),
    ("doing", r"\b(what|when) (did|do) you (do|have|eat|watch)\b"),
    ("invited", r"\b(do|would) you (want|like) to (come|play|see|join|visit|have|try)\b"),
    (
        "understands",
        r"\bunderstand(ing)? (me|us|what|anything|this|any)\b|\bput words together\b|\bthink for yourself\b",
    ),
    (
        "human",
        r"\b(human|real|person|robot|bot|machine|program|computer|ai|chat ?gpt|alexa|siri|chatbot)\b"
        r"|\b(you|u) an? (\w+ )?(grown[- ]?up|adult|kid|child|boy|girl|man|woman|lady|guy|teacher|nurse|doctor"
        r"|therapist|counsell?or|animal|alien)\b",
    ),
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


_HOW_ARE_YOU = re.compile(
    r"\bhow'?s? (?:are|is|it|things|life|everything|you|your)\b|\bwhat'?s (?:up|new)\b", re.IGNORECASE
)


def _thanks(_: Situation, reading: Reading, picker: Picker) -> Composed:
    if _NIGHT.search(reading.text):
        return Composed(join(say("thanks", picker), say("goodbye", picker, "night")), "thanks, goodbye")
    told_too = (restate(c.text) for c in reading.clauses if not _THANKS.search(c.text))
    told_again = next((f"{upper(text)}." for text in told_too if len(text.split()) > _LEAST), "")
    return Composed(join(told_again, say("thanks", picker)), "thanks")


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
    lowest = min((clause.sentiment for clause in reading.clauses), default=0.0)
    asks = bool(_HOW_ARE_YOU.search(reading.text)) and reading.valence != "positive" and lowest > -_PLAINLY
    has_topic = any(topic.valence != "any" for topic, _ in find_topics(reading))
    if has_topic or (reading.valence != "neutral" and not asks):
        return plain(situation, reading, picker)
    if re.search(
        r"\b(weather|cold|chilly|nippy|mild|grey|sun(ny)?|degrees|boiling|rain\w*|snow\w*|frost\w*|foggy|outside"
        r"|hot today|cold today)\b",
        reading.text,
        re.IGNORECASE,
    ):
        key = "weather"
    else:
        key = "say"
    if asks:
        about = say("small talk", picker, key) if key == "weather" else ""
        return Composed(join(about, say("greeting", picker, "how")), "small talk: asked")
    return Composed(join(say("small talk", picker, key), say("small talk", picker, "ask")), f"small talk: {key}")


def _complaint(_: Situation, __: Reading, picker: Picker) -> Composed:
    return Composed(join(say("complaint", picker), say("complaint", picker, "ask")), "complaint")


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
    "correction": take_correction,
    "complaint": _complaint,
    "fact": answer_fact,
    "clip": answer_fact,
    "help": answer_request,
    "advice": advise,
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
