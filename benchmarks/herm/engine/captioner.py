"""Models that write what rules cannot: a vision-language model for texts and boxes, a language model for fluency.

They stand behind our two-verb policy, so any model will do. What they write passes gates, or the text by rules stays,
and each text says who wrote it.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from omnisense.perception.geometry import IOU_THRESHOLD, best_iou
from omnisense.perception.images.grounding import Grounder
from omnisense.perception.images.scene import load_image
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers.box_notation import Notation
from omnisense.reasoning.answers.boxes import Box, format_boxes
from omnisense.reasoning.answers.boxes import load as load_boxes
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import Question, question_text
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Messages, Part, message

_TOKENS, _MOST_WORDS, _LEAST_WORDS = 160, 120, 3
_MARGIN = 0.1  # of the box, around a crop: what a person holds reaches beyond it
_ASKED = {
    "appearance": "Describe the clothing and look of the person in the middle of this picture in one or two sentences. "
    "Put each garment between <p> and </p>.",
    "pose": "Describe the pose of the person in the middle of this picture in one sentence.",
    "modality": "Describe what the person in the middle of this picture does with objects and surroundings in one "
    "sentence.",
    "relation": "Describe how the person in the middle of this picture relates to the other people in one sentence.",
}  # fmt: skip
_NAME = "Write one short phrase, such as 'the woman in the green coat', that names the person at {} and nobody else."
_PHRASE = re.compile(r"<p>(.+?)</p>")
_REFUSAL = re.compile(r"\b(?:as an ai|i cannot|i can't|i'm sorry|unable to)\b", re.IGNORECASE)
_WHOLE = Sampling(rule="count", count=1, max_pixels=1280 * 28 * 28)
Row = dict[str, Any]


@dataclass(frozen=True)
class PolicyGrounder:
    """A policy that is asked where a phrase is, in the notation that it writes."""

    policy: Policy
    notation: Notation

    @property
    def name(self) -> str:
        """Of the policy."""
        return self.policy.name

    def ground(self, path: Path, phrases: Sequence[str]) -> list[list[Box]]:
        """See :class:`omnisense.perception.images.grounding.Grounder`."""
        clip = open_clip(path)
        form = self.notation.form(clip.width, clip.height)
        prompts = [_about(path, question_text(Question(f"Where is {p}?", "boxes", form=form))) for p in phrases]
        replies = self.policy.write(prompts, max_new_tokens=_TOKENS, temperature=0.0)
        return [load_boxes(parse(reply, "boxes", form=form).value) for reply in replies]


@dataclass(frozen=True)
class Captioner:
    """A vision-language policy that describes people, and what finds what its phrases name.

    Attributes:
        policy: writes; it must take images.
        notation: how boxes are put to it.
        grounder: answers where a phrase is; None for no boxes.
        crops: folder for the cut-outs that the policy is shown.
    """

    policy: Policy
    notation: Notation
    grounder: Grounder | None
    crops: Path

    def describe(self, path: Path, image: Row, people: Sequence[Row]) -> Counter[str]:
        """Write the texts of a picture's rows anew, in place; those dropped, by reason."""
        dropped: Counter[str] = Counter()
        texts = self._texts(path, image, people)
        for row, aspect, text in texts:
            fault = _fault(text)
            if fault:
                dropped[f"model text: {fault}"] += 1
                continue
            row[aspect] = " ".join(text.split())
            row["source"][aspect] = f"model {self.policy.name}"
            row["missing"].pop(aspect, None)
            if aspect == "dense_caption":
                row["caption_boxes"] = {}  # they were those of the text by rules
            if aspect == "appearance":
                row["appearance_boxes"] = self._grounded(path, image, row, dropped)
        if self.grounder is not None:
            self._check_phrases(self.grounder, path, image, people, dropped)
            self._name(self.grounder, path, image, people, dropped)
        return dropped

    def _texts(self, path: Path, image: Row, people: Sequence[Row]) -> list[tuple[Row, str, str]]:
        picture = load_image(path)
        asked: list[tuple[Row, str]] = [(image, "dense_caption")]
        prompts = [_about(path, "Describe this picture and the people in it in detail, in a few sentences.")]
        for person in people:
            crop = self.crops / f"{person['instance_id']}.png"
            Image.fromarray(_cut(picture, person["bbox"])).save(crop)
            for aspect, words in _ASKED.items():
                if aspect == "relation" and len(people) < 2:
                    continue
                asked.append((person, aspect))
                prompts.append(_about(crop, words))
        written = self.policy.write(prompts, max_new_tokens=_TOKENS, temperature=0.0)
        return [(row, aspect, text) for (row, aspect), text in zip(asked, written, strict=True)]

    def _grounded(self, path: Path, image: Row, person: Row, dropped: Counter[str]) -> dict[str, list[list[float]]]:
        """Boxes of the garments that the appearance names, those inside the person's box."""
        if self.grounder is None:
            person["missing"]["appearance_boxes"] = "no grounder looked for what the model wrote of"
            return {}
        phrases = list(dict.fromkeys(_PHRASE.findall(person["appearance"])))
        found: dict[str, list[list[float]]] = {}
        for phrase, where in zip(phrases, self.grounder.ground(path, phrases), strict=True):
            inside = [box for box in where if _mostly_in(box, _fractions(person["bbox"], image))]
            if inside:
                found[phrase] = [_to_pixels(box, image) for box in inside]
            else:
                dropped["phrase: its box could not be found on the person"] += 1
        return found

    def _check_phrases(
        self, grounder: Grounder, path: Path, image: Row, people: Sequence[Row], dropped: Counter[str]
    ) -> None:
        """A phrase that the grounder finds on somebody else, or on several, singles nobody out."""
        for person in people:
            kept = []
            for phrase, where in zip(person["refer"], grounder.ground(path, person["refer"]), strict=True):
                meets = best_iou(where, [_fractions(person["bbox"], image)]) > IOU_THRESHOLD
                if (len(where) == 1 and not meets) or len(where) > 1:
                    dropped["refer phrase: the grounder finds it elsewhere"] += 1
                else:
                    kept.append(phrase)  # also where it finds nothing: that says nothing about the phrase
            person["refer"] = kept
            if not kept:
                person["source"].pop("refer", None)

    def _name(self, grounder: Grounder, path: Path, image: Row, people: Sequence[Row], dropped: Counter[str]) -> None:
        """Have the model write a phrase for whoever has none; it stands if the grounder finds that one person by it."""
        form = self.notation.form(image["width"], image["height"])
        nameless = [person for person in people if not person["refer"]]
        asked = [_NAME.format(format_boxes([_fractions(person["bbox"], image)], form)) for person in nameless]
        written = self.policy.write([_about(path, words) for words in asked], max_new_tokens=_TOKENS, temperature=0.0)
        phrases = [" ".join(text.split()).strip(" .\"'") for text in written]
        phrases = [f"{phrase[:1].lower()}{phrase[1:]}" for phrase in phrases]
        for person, phrase, where in zip(nameless, phrases, grounder.ground(path, phrases), strict=True):
            if fault := _fault(phrase):
                dropped[f"model phrase: {fault}"] += 1
            elif len(where) != 1 or best_iou(where, [_fractions(person["bbox"], image)]) <= IOU_THRESHOLD:
                dropped["model phrase: the grounder does not find that person, and nobody else, by it"] += 1
            else:
                person["refer"] = [phrase]
                person["source"]["refer"] = f"model {self.policy.name}, checked by {grounder.name}"
                person["missing"].pop("refer", None)


def rewrite(policy: Policy, image: Row) -> str:
    """A language model's fluent version of a dense caption made by rules, in place; why it was refused, or empty.

    It is taken only if every person's phrase is still there as it was and no content word is new.
    """
    text = image["dense_caption"]
    if not text:
        return ""
    asked = (
        "Rewrite this description of a picture as fluent sentences. Keep every phrase between <p> and </p> exactly as "
        f"it is, and add nothing.\n\n{text}"
    )
    written = " ".join(policy.write([[message("user", asked)]], max_new_tokens=300, temperature=0.0)[0].split())
    fault = _fault(written)
    if not fault and sorted(_PHRASE.findall(written)) != sorted(_PHRASE.findall(text)):
        fault = "a person's phrase is lost"
    if not fault and (new := _content(written) - _content(text)):
        fault = f"new words ({', '.join(sorted(new)[:3])})"
    if not fault and len(_content(text) - _content(written)) > 0:
        fault = "something is left out"
    if not fault and written == text:
        fault = "nothing is changed"
    if fault:
        return fault
    image["dense_caption"] = written
    image["source"]["dense_caption"] += f"; rewritten by {policy.name}"
    return ""


_LITTLE = set(
    "the and with who that are his her their they she has have while also there this for from into which where being "
    "person".split()
)


def _content(text: str) -> set[str]:
    return set(re.findall(r"[a-z]{3,}", text.lower())) - _LITTLE


def _fault(text: str) -> str:
    words = text.split()
    if len(words) < _LEAST_WORDS:
        return "too short"
    if len(words) > _MOST_WORDS:
        return "too long"
    if _REFUSAL.search(text):
        return "a refusal"
    if max(Counter(words).values()) > max(4, len(words) // 4):
        return "it repeats itself"
    return "" if sum(c.isalpha() or c.isspace() for c in text) > 0.7 * len(text) else "no words"


def _about(path: Path, words: str) -> Messages:
    picture: Part = {"type": "image", "path": str(path), "sampling": _WHOLE}
    return [{"role": "user", "content": [picture, {"type": "text", "text": words}]}]


def _cut(picture: Any, box: Sequence[float]) -> Any:
    x, y, w, h = box
    height, width = picture.shape[:2]
    left, top = max(int(x - _MARGIN * w), 0), max(int(y - _MARGIN * h), 0)
    right, bottom = min(int(x + (1 + _MARGIN) * w) + 1, width), min(int(y + (1 + _MARGIN) * h) + 1, height)
    return picture[top:bottom, left:right]


def _fractions(box: Sequence[float], image: Row) -> Box:
    x, y, w, h = box
    return x / image["width"], y / image["height"], (x + w) / image["width"], (y + h) / image["height"]


def _to_pixels(box: Box, image: Row) -> list[float]:
    x1, y1, x2, y2 = box
    width, height = image["width"], image["height"]
    return [round(v, 2) for v in (x1 * width, y1 * height, (x2 - x1) * width, (y2 - y1) * height)]


def _mostly_in(box: Box, outer: Box) -> bool:
    width, height = min(box[2], outer[2]) - max(box[0], outer[0]), min(box[3], outer[3]) - max(box[1], outer[1])
    return max(width, 0) * max(height, 0) > 0.7 * (box[2] - box[0]) * (box[3] - box[1])
