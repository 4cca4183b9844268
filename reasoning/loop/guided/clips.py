"""Replies to clips: silent faces, scenes, pictures, several people, and questions about what is seen and heard."""

from __future__ import annotations

from omnisense.reasoning.language import NAMES
from omnisense.reasoning.loop.appraisal import Emotion
from omnisense.reasoning.loop.guided import scenes
from omnisense.reasoning.loop.guided.asking import answer_act
from omnisense.reasoning.loop.guided.parts import Composed, Situation, join, listed, say, upper
from omnisense.reasoning.loop.guided.phrases import Picker, find_topics, phrases
from omnisense.reasoning.loop.guided.reading import Reading
from omnisense.reasoning.loop.guided.restating import has_subject, restate, restate_about
from omnisense.reasoning.loop.guided.scenes import Scene
from omnisense.reasoning.loop.safety import check_reply

_SAD = frozenset("crying sad heartbroken disappointed exhausted afraid terrified furious angry".split())
_GLAD = frozenset("laughing celebrating happy smiling".split())


def answer_without_words(scene: Scene, emotion: Emotion, picker: Picker) -> Composed:
    """Return the reply to a clip or picture without words."""
    if scene.is_image:
        seen = scene.looks if scene.faces == 1 else f"{scene.people} {scene.looks}".strip()
        rest = phrases()["picture"]["limit"] if not scene.faces else ""
        ask = picker.pick(phrases()["picture"]["ask"], "ask")
        return Composed(join(phrases()["picture"]["say"][0], seen, rest, ask), "picture")
    if scene.faces > 1:
        return Composed(join(scene.people, scene.looks, "Which of them are you, if any?"), "several faces")
    if not scene.faces:
        ask = "What would you like me to know about it?"
        return Composed(join(scene.people, scene.rest, ask), "scene without a face")
    changed = [p for p in emotion.earlier if p.value not in (emotion.face_emotion, "neutral")]
    if changed:
        ask = picker.pick(("What changed in between?", "What happened there?", "What went through your mind?"), "ask")
        return Composed(join(scene.looks, ask), "silent face that changes")
    ask = picker.pick(phrases()["silence"]["say"], "ask")
    return Composed(join(scene.looks, ask), "silent face")


def answer_spoken(situation: Situation, reading: Reading, scene: Scene, picker: Picker) -> Composed:
    """Answer what is said in a clip."""
    if not scene.quote:
        ask = "Would you tell me in English what it is about?"
        return Composed(join(scene.words, _unless_calm(scene.looks), _unless_calm(scene.voice), ask), "unclear words")
    if scene.speakers > 1:
        ask = picker.pick(("Are you one of them?", "What would you like to know about it?"), "ask")
        return Composed(join(scene.people, _quoted(scene, picker), ask), "several people talk")
    about_self = any(restate(clause.text) for clause in reading.clauses) or reading.act.explicit
    if not about_self:
        ask = picker.pick(phrases()["words"]["ask"], "ask")
        seen = join(_unless_calm(scene.looks), _unless_calm(scene.voice))
        return Composed(join(_quoted(scene, picker), seen, ask), "words that are quoted")
    composed = answer_act(situation, reading, picker)
    return Composed(join(_unless_calm(scene.looks), composed.text), f"{composed.shape}, with the face")


def answer_typed(reading: Reading, scene: Scene, picker: Picker) -> Composed:
    """Return the reply to a clip or picture with a message."""
    if reading.act.name == "clip" or (reading.act.name in ("fact", "advice", "help") and "?" in reading.text):
        text, about = scenes.answer(reading.text, scene)
        return Composed(text, f"answer about the clip: {about}")
    looks = scene.looks if scene.faces == 1 else scene.people
    limit = "" if scene.faces else phrases()["picture"]["limit"]
    topic = [topic for topic, _ in find_topics(reading) if reading.valence != "neutral"]
    say = (
        picker.pick(topic[0].say, "say")
        if topic and "{" not in "".join(topic[0].say)
        else phrases()["picture"]["say"][0]
    )
    restated = next((restate_about(c.text) for c in reading.clauses if has_subject(c.text)), "")
    about = f"So {restated}." if restated and not topic and check_reply(f"So {restated}.") is None else ""
    ask = picker.pick(phrases()["picture"]["ask"], "ask")
    return Composed(join(say, about, looks, limit, ask), "picture or clip with words")


def _quoted(scene: Scene, picker: Picker) -> str:
    return picker.pick(phrases()["words"]["quote"], "quote", quote=scene.quote)


def _unless_calm(looks: str) -> str:
    return "" if " calm" in looks or looks.startswith("I cannot") or "not sure" in looks else looks


def foreign(language: str, picker: Picker) -> Composed:
    """Return, in the language where it is a major one, that only English is spoken."""
    known, name = phrases()["language"], NAMES.get(language, "")
    note = f"the policy speaks English only; the words are {name or language}"
    if language in known:
        return Composed(known[language], "other language", note=note)
    text = picker.pick([known["other" if name else "unknown"]], "language", language=name)
    return Composed(text, "other language", note=note)


def answer_emoji(reading: Reading, picker: Picker) -> Composed:
    """Return the reply to emoji without words."""
    meant = reading.text.split(", ")
    if meant == ["okay"]:
        return Composed(say("answer", picker), "emoji: yes")
    if _SAD & set(meant):
        return Composed(f"Oh no, {listed(meant)}? I am sorry. What happened?", "emoji: sad")
    if reading.valence == "positive" or _GLAD & set(meant):
        ask = picker.pick(phrases()["feeling"]["joy"]["ask"], "ask")
        return Composed(f"{upper(listed(meant))}, how nice to see! {ask}", "emoji: glad")
    return Composed(f'I read that as "{listed(meant)}". Is that how it is, or something else?', "emoji: open")
