"""Log-probabilities of the options' tokens, written in several ways, after each prompt of an item."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from omnisense.benchmarks.choices.items import Item
from omnisense.reasoning.answers.question import strip_letter
from omnisense.reasoning.policies.messages import Messages
from omnisense.reasoning.policies.prefix_cache import PrefixCache
from omnisense.reasoning.policies.scoring import token_log_probs
from omnisense.reasoning.policies.transformers import TransformersPolicy

# How an option is written after the template's last newline.
START, SPACE, CAPITAL = "as at the start of a line", "with a space in front", "with a capital"
LETTERED, TEXT, LETTER = "letter and text", "text alone", "letter alone"
EVIDENCE, NOTHING, CONTENT_FREE = "evidence", "nothing", "content-free"
Scores = dict[str, list[list[float]]]  # by way of writing: the log-probabilities of each option's tokens, end included
_CACHE_BYTES = 64 * 2**20


def written(option: str, lettered: bool) -> dict[str, str]:
    """Return an option in every way."""
    if lettered:
        return {LETTERED: option, TEXT: strip_letter(option), LETTER: option[0]}
    return {START: option, SPACE: f" {option}", CAPITAL: option.capitalize()}


def measure(policy: TransformersPolicy, items: Sequence[Item]) -> Iterator[dict[str, Any]]:
    """Yield a record for each item: what is asked, and :data:`Scores` by what is told."""
    prefixes, known = PrefixCache(_CACHE_BYTES), {}
    for item in items:
        told = {EVIDENCE: item.prompt, NOTHING: item.nothing, CONTENT_FREE: item.content_free}
        scores = {}
        for name, prompt in told.items():
            if prompt is None:
                continue
            key = repr((prompt, item.options))
            if key not in known:
                known[key] = _score(policy, prompt, item, prefixes)
            scores[name] = known[key]
        yield {
            "policy": policy.name, "task": item.task, "held_out": item.held_out, "options": list(item.options),
            "gold": item.gold, "scores": scores}  # fmt: skip


def _score(policy: TransformersPolicy, prompt: Messages, item: Item, prefixes: PrefixCache) -> Scores:
    import torch

    model, encoder = policy.load()
    ways = [written(option, item.task == "story") for option in item.options]
    end = encoder.option_tokens("\n", ["x"])[0][-1]
    rows = [[*encoder.text_tokens(text), end] for way in ways for text in way.values()]
    with torch.inference_mode():
        batch = prefixes.begin(model, [encoder.encode(prompt)[0]], encoder.tokenizer.pad_token_id)
        [found] = token_log_probs(model, batch, [rows], prefixes)
    values = iter([[round(v, 4) for v in row] for row in found])
    scores: Scores = {way: [] for way in ways[0]}
    for way in ways:
        for name in way:
            scores[name].append(next(values))
    return scores
