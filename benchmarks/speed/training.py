"""What training costs beside its peers: ``python -m omnisense.benchmarks.speed.training [--output DIR]``.

Our GRPO step beside TRL's own on the same text model and tokens; an omni step beside a text step of as many tokens on
the same model; media encoded once a group beside once a completion; a group scored behind one prompt beside a prompt
for each; memory of scoring beside a forward without a head. Models are small and random: what is compared is the
trainers. Writes ``training.json`` and ``training.md``.
"""

from __future__ import annotations

import json
import os
import platform
import random
import statistics
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.benchmarks.speed.memory import in_new_process, peak_mb, resident_mb
from omnisense.perception.media.clip import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.sampling import Sampling

_STEPS, _WARM = 6, 2
_CLIPS, _COMPLETIONS, _TOKENS = 4, 8, 64
_GROUP_REPLY = 48  # tokens of a completion where a prompt is shared
_VOCABULARY, _ROWS, _PROMPT, _REPLY = 152_064, 4, 1500, 64


@click.command()
@click.option("--runs", default=5, show_default=True, help="Rounds; in each, every trainer makes a few steps in turn.")
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default="runs/speed", show_default=True)
def main(runs: int, output: Path) -> None:
    """Measure training beside its peers."""
    with tempfile.TemporaryDirectory() as folder:
        found = measure(Path(folder), runs)
    output.mkdir(parents=True, exist_ok=True)
    (output / "training.json").write_text(json.dumps(found, indent=1) + "\n")
    (output / "training.md").write_text(as_table(found))
    click.echo(as_table(found))


def measure(folder: Path, runs: int) -> dict[str, Any]:
    """Return seconds, megabytes and ratios."""
    steps = step_seconds(folder, runs)
    medians = {name: statistics.median(values) for name, values in steps.items()}
    memory = {way: in_new_process(_scoring_mb, way) for way in ("no head", "ours")}
    return {
        "machine": {"python": platform.python_version(), "cpu_count": os.cpu_count()},
        "packages": {name: version(name) for name in ("torch", "transformers", "trl")},
        "step_s": medians,
        "steps_each": {name: len(values) for name, values in steps.items()},
        "text_over_trl": medians["ours, text"] / medians["TRL, text"],
        "omni_over_text": medians["ours, video with sound"] / medians["ours, as many tokens of text"],
        "encoding": encoding_once(folder, runs),
        "sharing": shared_scoring(folder, runs),
        "memory_mb": memory,
        "memory_over_no_head": memory["ours"] / memory["no head"],
    }


def step_seconds(folder: Path, runs: int) -> dict[str, list[float]]:
    """Return the seconds of single steps, the first ones of each round left out."""
    from omnisense.testing.tiny_models import tiny_omni, tiny_text

    text, omni = tiny_text(folder / "text"), tiny_omni(folder / "omni", width=128, layers=8)
    clips = [_clip(folder / f"clip{i}.mp4", seed=i) for i in range(_CLIPS)]
    few = {"sampling": Sampling(rule="count", count=8), "with_audio": True}
    videos = [_prompt([{"type": "video", "path": clip, **few}]) for clip in clips]
    texts = [_prompt([], more=str(i)) for i in range(_CLIPS)]
    missing_tokens = _length(omni, videos[0]) - _length(omni, texts[0])
    long_texts = [_prompt([], more=f"{i}{'x' * missing_tokens}") for i in range(_CLIPS)]
    makers: dict[str, Callable[[], Any]] = {
        "TRL, text": lambda: _trl(text, texts, folder),
        "ours, text": lambda: _ours(text, texts, folder),
        "ours, video with sound": lambda: _ours(omni, videos, folder),
        "ours, as many tokens of text": lambda: _ours(omni, long_texts, folder),
    }
    found: dict[str, list[float]] = {name: [] for name in makers}
    order, draw = list(makers), random.Random(0)
    for _ in range(runs):
        draw.shuffle(order)
        for name in order:
            found[name] += _steps(makers[name]())[_WARM:]
    return found


def encoding_once(folder: Path, runs: int) -> dict[str, float]:
    """Return the seconds to encode a group's prompts: as one, and for each completion again."""
    from omnisense.reasoning.policies.loading import load_model
    from omnisense.rl.trainers.prompt_prefetch import PromptPrefetcher, dump_prompt, load_prompt
    from omnisense.testing.tiny_models import tiny_omni

    encoder = load_model(tiny_omni(folder / "encoder"), "float32")[1]
    part = {
        "type": "video",
        "path": _clip(folder / "long.mp4", 6, height=360, width=640),
        "sampling": Sampling.humansense(),
        "with_audio": True,
    }
    group = [dump_prompt(_prompt([part]))] * _COMPLETIONS
    once, each = [], []
    for _ in range(runs + 1):
        prefetcher = PromptPrefetcher(encoder, threads=1)
        began = time.perf_counter()
        prefetcher.take(group)
        once.append(time.perf_counter() - began)
        began = time.perf_counter()
        for prompt in group:
            encoder.encode(load_prompt(prompt))
        each.append(time.perf_counter() - began)
    seconds = {"once_s": statistics.median(once[1:]), "each_s": statistics.median(each[1:])}
    return seconds | {"times_less": seconds["each_s"] / seconds["once_s"]}


def shared_scoring(folder: Path, runs: int) -> dict[str, float]:
    """Return seconds and megabytes of a forward and backward over a group with video and sound, both ways.

    Also by how much log-probabilities and gradients differ.
    """
    from omnisense.testing.tiny_models import tiny_omni

    model, clip = tiny_omni(folder / "sharing", width=128, layers=8), _clip(folder / "shared.mp4", 24, 240, 320)
    score = _group_scorer(model, clip, folder)
    seconds: dict[bool, list[float]] = {True: [], False: []}
    for _ in range(runs + 1):
        for share in (True, False):
            began = time.perf_counter()
            score(share)
            seconds[share].append(time.perf_counter() - began)
    (logps, gradients), (logps_each, gradients_each) = score(True), score(False)
    shared, each = (statistics.median(seconds[share][1:]) for share in (True, False))
    memory = {share: in_new_process(_group_mb, str(model), clip, str(folder), share) for share in (True, False)}
    return {
        "prompt_tokens": _length(model, _group_prompt(clip)),
        "shared_s": shared,
        "each_s": each,
        "times_faster": each / shared,
        "shared_mb": memory[True],
        "each_mb": memory[False],
        "log_prob_difference": float((logps - logps_each).abs().max()),
        "gradient_difference": max(float((gradients[n] - gradients_each[n]).abs().max()) for n in gradients),
    }


def as_table(found: dict[str, Any]) -> str:
    """Return the figures as Markdown."""
    steps, memory, encoding = found["step_s"], found["memory_mb"], found["encoding"]
    lines = ["# Training beside its peers", "", "| | ratio | measured |", "| --- | --- | --- |"]
    lines.append(
        f"| our step, text, over TRL's own | {found['text_over_trl']:.2f} | {steps['ours, text']:.4f} s, "
        f"{steps['TRL, text']:.4f} s |"
    )
    lines.append(
        f"| a step with video and sound over one with as many tokens of text | {found['omni_over_text']:.2f} | "
        f"{steps['ours, video with sound']:.4f} s, {steps['ours, as many tokens of text']:.4f} s |"
    )
    lines.append(
        f"| encoding each of {_COMPLETIONS} completions' prompts over once a group | {encoding['times_less']:.1f} | "
        f"{encoding['each_s']:.2f} s, {encoding['once_s']:.2f} s |"
    )
    sharing = found["sharing"]
    lines.append(
        f"| a prompt for each of {_COMPLETIONS} completions over one that they share, forward and backward | "
        f"{sharing['times_faster']:.1f} | {sharing['each_s']:.2f} s, {sharing['shared_s']:.2f} s |"
    )
    lines.append(
        f"| its memory | {sharing['each_mb'] / sharing['shared_mb']:.1f} | {sharing['each_mb']:.0f} MB, "
        f"{sharing['shared_mb']:.0f} MB |"
    )
    lines.append(
        f"| memory of scoring over a forward without a head | {found['memory_over_no_head']:.2f} | "
        f"{memory['ours']:.0f} MB, {memory['no head']:.0f} MB |"
    )
    packages = ", ".join(f"{name} {number}" for name, number in found["packages"].items())
    lines += [
        "",
        f"{found['machine']['cpu_count']} CPU cores, Python {found['machine']['python']}, {packages}. Medians; steps "
        f"of {_COMPLETIONS} completions of {_TOKENS} tokens on tiny random models; memory above the model, for a "
        f"forward and backward of {_ROWS} x ({_PROMPT} + {_REPLY}) tokens at a vocabulary of {_VOCABULARY}, embeddings "
        f"and head frozen as under an adapter. A shared prompt has {sharing['prompt_tokens']} tokens of video, sound "
        f"and text, its completions {_GROUP_REPLY}; log-probabilities differ by at most "
        f"{sharing['log_prob_difference']:.0e}, gradients by {sharing['gradient_difference']:.0e}.",
        "",
    ]
    return "\n".join(lines)


# --- steps ------------------------------------------------------------------------------------------------------------


def _prompt(parts: list[Any], more: str = "") -> Any:
    return [{"role": "user", "content": [*parts, {"type": "text", "text": f"What does she feel?{more}"}]}]


def _clip(path: Path, seconds: int = 2, seed: int = 0, height: int = 120, width: int = 160) -> str:
    rng = np.random.default_rng(seed)
    frames = rng.integers(0, 255, (seconds * 10, height, width, 3), np.uint8)
    write_clip(path, frames, rng.normal(0, 0.1, seconds * SAMPLE_RATE_HZ).astype(np.float32), 10)
    return str(path)


def _length(folder: Path, prompt: Any) -> int:
    from omnisense.reasoning.policies.loading import load_model

    return int(load_model(folder, "float32")[1].encode(prompt)[0].length)


def _settings(folder: Path) -> Any:
    from trl import GRPOConfig

    return GRPOConfig(
        str(folder / "run"), per_device_train_batch_size=_COMPLETIONS, num_generations=_COMPLETIONS,
        max_completion_length=_TOKENS, generation_kwargs={"min_new_tokens": _TOKENS}, max_steps=_STEPS,
        report_to=[], use_cpu=True, bf16=False, gradient_checkpointing=False, save_strategy="no", disable_tqdm=True,
        logging_strategy="no",
    )  # fmt: skip


def _by_length(completions: Any, **_: Any) -> list[float]:
    return [float(len(completion[0]["content"]) % 5) for completion in completions]


def _ours(folder: Path, prompts: Any, work: Path) -> Any:
    from datasets import Dataset

    from omnisense.reasoning.policies.loading import load_model
    from omnisense.rl.trainers.grpo import OmniGRPOTrainer
    from omnisense.rl.trainers.prompt_prefetch import dump_prompt

    model, encoder = load_model(folder, "float32")
    data = Dataset.from_list([{"prompt": dump_prompt(prompt)} for prompt in prompts])
    return OmniGRPOTrainer(model, encoder, _by_length, _settings(work), data)


def _trl(folder: Path, prompts: Any, work: Path) -> Any:
    from datasets import Dataset
    from trl import GRPOTrainer

    from omnisense.reasoning.policies.loading import load_model
    from omnisense.reasoning.policies.messages import text_of

    model, encoder = load_model(folder, "float32")
    plain = [{"prompt": [{"role": m["role"], "content": text_of(m)} for m in prompt]} for prompt in prompts]
    data = Dataset.from_list(plain)
    settings = _settings(work)
    return GRPOTrainer(model, _by_length, settings, train_dataset=data, processing_class=encoder.tokenizer)


def _steps(trainer: Any) -> list[float]:
    from transformers import TrainerCallback

    class Clock(TrainerCallback):
        """Times every step."""

        def __init__(self) -> None:
            self.seconds: list[float] = []
            self.began = 0.0

        def on_train_begin(self, *_: Any, **__: Any) -> None:
            self.began = time.perf_counter()

        def on_step_end(self, *_: Any, **__: Any) -> None:
            now = time.perf_counter()
            self.seconds.append(now - self.began)
            self.began = now

    clock = Clock()
    trainer.add_callback(clock)
    trainer.train()
    return clock.seconds


# --- scoring a group --------------------------------------------------------------------------------------------------


def _group_prompt(clip: str) -> Any:
    return _prompt([{"type": "video", "path": clip, "sampling": Sampling.humansense(), "with_audio": True}])


def _group_scorer(model: Path, clip: str, work: Path) -> Callable[[bool], tuple[Any, dict[str, Any]]]:
    """Return a function that scores a group and computes gradients, with a shared prompt or with one for each."""
    import torch

    trainer = _ours(model, [_group_prompt(clip)], work)
    prompt = trainer._encoder.encode(_group_prompt(clip))[0]
    trainer._encoded = [prompt] * _COMPLETIONS
    replies = torch.randint(65, 91, (_COMPLETIONS, _GROUP_REPLY), generator=torch.Generator().manual_seed(0))
    ids = torch.cat([prompt.inputs["input_ids"].repeat(_COMPLETIONS, 1), replies], 1)

    def score(share: bool) -> tuple[Any, dict[str, Any]]:
        trainer._share_prompts = share
        trainer.model.zero_grad()
        logps = trainer._get_per_token_logps_and_entropies(
            trainer.model, ids, torch.ones_like(ids), _GROUP_REPLY, compute_entropy=True
        )[0]
        logps.mean().backward()
        gradients = {n: p.grad.clone() for n, p in trainer.model.named_parameters() if p.grad is not None}
        return logps.detach(), gradients

    return score


def _group_mb(model: str, clip: str, work: str, share: bool) -> float:
    """Peak memory above the model of one forward and backward over a group, in megabytes."""
    score = _group_scorer(Path(model), clip, Path(work))
    before = resident_mb()
    score(share)
    return peak_mb() - before


# --- memory -----------------------------------------------------------------------------------------------------------


def _scoring_mb(way: str) -> float:
    """Peak memory above the model of one forward and backward, in megabytes."""
    import torch
    from transformers import Qwen2Config, Qwen2ForCausalLM

    from omnisense.rl.trainers.full_forward import add_scoring_head

    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=_VOCABULARY, hidden_size=256, intermediate_size=768, num_hidden_layers=6, num_attention_heads=4,
        num_key_value_heads=2, tie_word_embeddings=True,
    )  # fmt: skip
    model = Qwen2ForCausalLM(config)
    model.get_input_embeddings().requires_grad_(False)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter) if parameter.requires_grad else None
    ids = torch.randint(0, _VOCABULARY, (_ROWS, _PROMPT + _REPLY))
    before = resident_mb()
    if way == "no head":
        model.model(ids, use_cache=False).last_hidden_state[:, -_REPLY:].sum().backward()
    else:
        add_scoring_head(model)
        scored = model(ids, shift_labels=ids[:, -_REPLY:], last_positions=_REPLY, fused_lm_head=True)
        scored.log_probs.sum().backward()
    return peak_mb() - before


if __name__ == "__main__":
    main()
