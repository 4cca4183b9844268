"""Choose what finds phrases in images: a zero-shot detector, or a policy that is asked where things are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from omnisense import models
from omnisense.perception.images.grounding import Grounder, ZeroShotGrounder, is_zero_shot_detector
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.reasoning.answers.box_notation import Notation, notation_of
from omnisense.reasoning.answers.boxes import Box
from omnisense.reasoning.answers.boxes import load as load_boxes
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import Question, question_text
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.families import BoxUnit
from omnisense.reasoning.policies.load import load_policy
from omnisense.reasoning.policies.messages import Messages, Part

MAX_NEW_TOKENS = 160
_MAX_PIXELS = 1280 * 28 * 28
_SAMPLING = Sampling(rule="count", count=1, max_pixels=_MAX_PIXELS)
_REMOTE = ("chat", "scripted")  # prefixes of policies without a local folder


@dataclass(frozen=True)
class PolicyGrounder:
    """A vision-language policy that is asked for the box of each phrase.

    Attributes:
        policy: it must take images.
        notation: how the policy writes boxes.
    """

    policy: Policy
    notation: Notation

    @property
    def name(self) -> str:
        """Name of the policy."""
        return self.policy.name

    def ground(self, path: Path, phrases: Sequence[str]) -> list[list[Box]]:
        """See :class:`omnisense.perception.images.grounding.Grounder`."""
        clip = open_clip(path)
        form = self.notation.form(clip.width, clip.height)
        questions = [Question(f"Where is {phrase}?", "boxes", form=form) for phrase in phrases]
        prompts = [image_prompt(path, question_text(question)) for question in questions]
        replies = self.policy.write(prompts, max_new_tokens=MAX_NEW_TOKENS, temperature=0.0)
        return [load_boxes(parse(reply, "boxes", form=form).value) for reply in replies]


def image_prompt(path: Path, text: str) -> Messages:
    """Return a prompt of one image and a text."""
    image: Part = {"type": "image", "path": str(path), "sampling": _SAMPLING}
    return [{"role": "user", "content": [image, {"type": "text", "text": text}]}]


def load_grounder(name: str, loaded: Policy | None, unit: BoxUnit | Literal["auto"]) -> Grounder:
    """Load a grounder.

    Args:
        name: a zero-shot detector or a policy.
        loaded: the policy, if it has been loaded already.
        unit: how a policy writes boxes, or ``auto``.

    Raises:
        ModelError: the model cannot be loaded.
    """
    if not _is_remote(name) and is_zero_shot_detector(models.fetch(name)):
        return ZeroShotGrounder(name)
    return PolicyGrounder(loaded or load_policy(name), load_notation(name, unit))


def load_notation(policy: str, unit: BoxUnit | Literal["auto"]) -> Notation:
    """Return how a policy writes boxes."""
    folder = None if _is_remote(policy) else models.fetch(policy)
    return notation_of(unit, folder, _MAX_PIXELS)


def _is_remote(name: str) -> bool:
    return name.partition(":")[0] in _REMOTE
