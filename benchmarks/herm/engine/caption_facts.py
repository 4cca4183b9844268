"""Facts from captions: what a caption in the singular says about the main person of an image."""

from __future__ import annotations

import re
from collections.abc import Sequence

from omnisense.benchmarks.herm.engine.facts import Fact
from omnisense.perception.images.scene import Person, Scene

_NOUNS = {
    "man": "man", "boy": "boy", "guy": "man", "gentleman": "man", "woman": "woman", "lady": "woman", "girl": "girl",
    "person": "person", "player": "player", "pitcher": "pitcher", "batter": "batter", "skateboarder": "skateboarder",
    "skater": "skater", "surfer": "surfer", "snowboarder": "snowboarder", "skier": "skier", "child": "child",
    "kid": "child", "rider": "rider", "cyclist": "cyclist", "chef": "chef", "baby": "baby", "toddler": "toddler",
}  # fmt: skip
_DEMOGRAPHIC_NOUNS = ("man", "woman", "boy", "girl", "child", "baby", "toddler")
# "A young man in a hat is riding a horse.": the noun, and the predicate up to the mention of another person.
_SINGULAR = re.compile(
    rf"(?:A|An|The|One)\s+(?:[\w-]+\s+){{0,4}}?({'|'.join(_NOUNS)})\s+"
    r"(?:(?:that|who)\s+is\s+|is\s+)?((?:(?!and\s+(?:a|an|another|two)\b)[^.])+?)\.?",
    re.IGNORECASE,
)
_PEOPLE = re.compile(
    rf"\b(?:(?:{'|'.join(_NOUNS)})s?|people|men|women|family|friends?|group|crowd|team|couple|children|son|daughter)\b",
    re.IGNORECASE,
)
_MAX_CHARACTERS = 90
_POSTURES = {"standing": r"\bstand", "sitting": r"\b(?:sit|sat|seated)", "crouching": r"\b(?:crouch|squat|kneel)",
             "lying down": r"\b(?:lie|lying|lay)"}  # fmt: skip
_MAIN_AREA_RATIO = 2.0  # to the next largest person: then a caption about one person is about this one
_MIN_MAIN_AREA = 0.02  # of the image


def find_main_person(scene: Scene) -> Person | None:
    """Return the person whom a caption in the singular is about: alone, or much larger than all others."""
    ranked = sorted(scene.people, key=lambda person: -person.area)
    if not ranked or ranked[0].area < _MIN_MAIN_AREA * scene.width * scene.height:
        return None
    next_area = ranked[1].area if len(ranked) > 1 else 0.0
    return ranked[0] if ranked[0].area > _MAIN_AREA_RATIO * next_area else None


def facts_from_captions(scene: Scene) -> tuple[list[Fact], str]:
    """Return what the captions say the main person does, at most one fact, and the noun for the person."""
    actions, nouns = [], []
    for caption in scene.captions:
        match = _SINGULAR.fullmatch(caption)
        if not match or len(_PEOPLE.findall(caption)) > 1:  # it mentions other people too
            continue
        nouns.append(_NOUNS[match[1].lower()])
        action = match[2].strip()
        is_participle = re.match(r"[a-z]+ing\b", action)  # can follow "is"
        if is_participle and len(action) < _MAX_CHARACTERS:
            actions.append(action[0].lower() + action[1:])
    demographic = [noun for noun in nouns if noun in _DEMOGRAPHIC_NOUNS]
    noun = demographic[0] if len(set(demographic)) == 1 else "person"
    chosen = sorted(set(actions), key=lambda text: (-word_overlap(text, actions), text))[:1]
    facts = [Fact("modality", "caption", text, f"is {text}", text, "COCO captions") for text in chosen]
    return facts, noun


def contradicts_captions(fact: Fact, captions: Sequence[str]) -> bool:
    """Return whether a fact from the joints is a posture and a caption names another one."""
    named = {name for name, word in _POSTURES.items() if any(re.search(word, caption, re.I) for caption in captions)}
    return fact.key == "posture" and bool(named - {fact.value})


def word_overlap(text: str, others: Sequence[str]) -> float:
    """Return how often the words of a text occur in other texts, for each of its words: a measure of consensus."""
    words = set(re.findall(r"[a-z]{3,}", text.lower()))
    shared = sum(len(words & set(re.findall(r"[a-z]{3,}", other.lower()))) for other in others if other != text)
    return shared / max(len(words), 1)
