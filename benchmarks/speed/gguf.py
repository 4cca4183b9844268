"""The default model in llama.cpp beside the same model in Transformers: choices, and CPU time for them and for writing.

``python -m omnisense.benchmarks.speed.gguf`` needs ``omnisense models pull smollm2-135m-instruct-gguf`` and the extra
``gguf``. It takes 20 of the inputs that the agent's replies are judged by, and three decisions on each.
"""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from importlib import resources

from omnisense.reasoning.policies.base import Choice, Policy
from omnisense.reasoning.policies.gguf import GgufPolicy
from omnisense.reasoning.policies.messages import Messages, message
from omnisense.reasoning.policies.transformers import TransformersPolicy

_DECISIONS = {
    "Which feeling is the strongest?": ("joy", "sadness", "anger", "fear", "surprise", "disgust", "neutral"),
    "What does this person need most?": ("to be heard", "advice", "practical help", "information"),
    "Do they ask a question? Answer yes or no.": ("yes", "no"),
}
_TEXTS, _REPLIES, _REPLY_TOKENS = 20, 5, 60


def main() -> None:
    """Measure, and print a line for each result."""
    import torch

    torch.set_num_threads(1)
    prompts, options = _decisions()
    policies: dict[str, Policy] = {
        "llama.cpp": GgufPolicy("smollm2-135m-instruct-gguf", threads=1),
        "Transformers, bfloat16": TransformersPolicy(),
        "Transformers, float32": TransformersPolicy(dtype="float32"),
    }
    chosen: dict[str, list[Choice]] = {}
    for name, policy in policies.items():
        policy.choose(prompts[:1], options[:1])  # loads it
        chosen[name], choosing_s = _choose(policy, prompts, options)
        tokens, writing_s = _write(policy, prompts[:: len(prompts) // _REPLIES])
        choice_ms = 1000 * choosing_s / len(prompts)
        print(f"{name}: {choice_ms:.0f} ms of CPU a choice, {tokens / writing_s:.1f} tokens/s of CPU")
    exact = chosen.pop("Transformers, float32")
    for name, choices in chosen.items():
        same = sum(a.index == b.index for a, b in zip(choices, exact, strict=True))
        print(f"{name}: {same} of {len(exact)} choices are those of float32")


def _decisions() -> tuple[list[Messages], list[Sequence[str]]]:
    rows = resources.files("omnisense.benchmarks").joinpath("agent/inputs.jsonl").read_text("utf-8").splitlines()
    texts = [text for row in rows if 10 < len(text := json.loads(row).get("text") or "") < 200 and "\n" not in text]
    texts = texts[:: len(texts) // _TEXTS][:_TEXTS]
    system = message("system", "You read what people say with care and judge how they feel.")
    asked = [(text, question) for text in texts for question in _DECISIONS]
    prompts = [[system, message("user", f'A person says: "{text}"\n{question}')] for text, question in asked]
    return prompts, [_DECISIONS[question] for _, question in asked]


def _choose(
    policy: Policy, prompts: Sequence[Messages], options: Sequence[Sequence[str]]
) -> tuple[list[Choice], float]:
    """Choose one by one, as a turn does; return the choices and the CPU seconds."""
    began = time.process_time()
    choices = [policy.choose([prompt], [row])[0] for prompt, row in zip(prompts, options, strict=True)]
    return choices, time.process_time() - began


def _write(policy: Policy, prompts: Sequence[Messages]) -> tuple[int, float]:
    """Write replies one by one; return how many tokens came, as the policy streams them, and the CPU seconds."""
    pieces: list[str] = []
    began = time.process_time()
    for prompt in prompts:
        policy.write([prompt], max_new_tokens=_REPLY_TOKENS, on_token=pieces.append)
    return len(pieces), time.process_time() - began


if __name__ == "__main__":
    main()
