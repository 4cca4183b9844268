"""Rewrite template-based captions fluently with a language model."""

from __future__ import annotations

from omnisense.benchmarks.herm.engine.annotations import ImageAnnotation
from omnisense.benchmarks.herm.engine.text_checks import find_rewriting_fault
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import message

_MAX_NEW_TOKENS = 300
_PROMPT = (
    "Rewrite this description of a picture as fluent sentences. Keep every phrase between <p> and </p> exactly as it "
    "is, and add nothing.\n\n{}"
)


def rewrite_caption(policy: Policy, image: ImageAnnotation) -> tuple[ImageAnnotation, str]:
    """Return an annotation with a rewritten dense caption.

    Args:
        policy: a language model.
        image: the annotation; one without a caption is returned as it is.

    Returns:
        The annotation, and why the rewritten caption was not used, empty if it was.
    """
    text = image.dense_caption
    if not text:
        return image, ""
    replies = policy.write([[message("user", _PROMPT.format(text))]], max_new_tokens=_MAX_NEW_TOKENS, temperature=0.0)
    written = " ".join(replies[0].split())
    fault = find_rewriting_fault(text, written)
    if fault:
        return image, fault
    source = f"{image.source['dense_caption']}; rewritten by {policy.name}"
    return image.with_value("dense_caption", written, source), ""
