"""Check training on a GPU: ``python scripts/gpu_check.py [--part a] [--rows DIR] [--clips DIR] [--output DIR]``.

Parts, each of at most about ten minutes; a part whose result is there is not run again, and parts c and d resume from
their checkpoints:

- ``a``: log-probabilities, gradients and completions of tiny models, with and without shared prompts.
- ``b``: a Qwen2.5-Omni-3B of random weights, built from its configuration: seconds a step, peak memory and tokens a
  second of the recipe omni-3b at several batch sizes, beside a row for each completion.
- ``c``: SmolLM2: training of choices, then GRPO on replies, each compared with the base on held-out rows.
- ``d``: a small omni model from scratch on faces and voices (``omni_curriculum.py``), stage by stage beside all at
  once, three seeds; each seed has a result of its own, and its runs resume.

``--rehearse`` runs the same code on a CPU with tiny models and a few steps; its figures say nothing about a GPU, are
marked as a rehearsal, and lie in a folder of their own. Every result names its device.
"""

from __future__ import annotations

import gc
import json
import platform
import tempfile
import time
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.files import write_atomically

_RESULTS, _REHEARSED = "rl/results/gpu", "runs/gpu_rehearsal"
_BATCHES = (8, 16, 32)  # completions that are scored together
_STEPS = 3  # of which the first warms up
_VIDEO_FRAMES, _REPLY = 32, 128
_SEEDS = (0, 1, 2)


@click.command()
@click.option("--part", "parts", multiple=True, type=click.Choice(["a", "b", "c", "d"]), help="[default: all]")
@click.option("--rows", type=click.Path(path_type=Path, exists=True), help="Rows of `omnisense train data agent`.")
@click.option("--clips", type=click.Path(path_type=Path, exists=True), help="Folder with grid/ and emodb/.")
@click.option("--output", type=click.Path(path_type=Path), help=f"[default: {_RESULTS}; rehearsed, {_REHEARSED}]")
@click.option("--rehearse", is_flag=True, help="Tiny models and few steps, on a CPU.")
def main(parts: tuple[str, ...], rows: Path | None, clips: Path | None, output: Path | None, rehearse: bool) -> None:
    """Check training on a GPU."""
    import torch

    if not (rehearse or torch.cuda.is_available()):
        raise click.ClickException("there is no GPU here: add --rehearse")
    output = output or Path(_REHEARSED if rehearse else _RESULTS)
    runs = output / ("rehearsed_runs" if rehearse else "runs")
    run: dict[str, Callable[[], dict[str, Any]]] = {
        "a": parity,
        "b": lambda: omni_steps(rehearse),
        "c": lambda: small_model(rows, runs, rehearse),
        "d": lambda: omni_from_scratch(clips, runs / "omni", rehearse),
    }
    for part in parts or run:
        file = output / f"{part}.json"
        if file.is_file():
            if json.loads(file.read_text("utf-8"))["rehearsal"] is not rehearse:
                raise click.ClickException(f"{file} is {'no' if rehearse else 'a'} rehearsal: give another --output")
            click.echo(f"part {part}: {file} is there")
            continue
        began = time.perf_counter()
        found = {"device": device(), "rehearsal": rehearse, "packages": _packages(), **run[part]()}
        found["seconds"] = round(time.perf_counter() - began, 1)
        output.mkdir(parents=True, exist_ok=True)
        write_atomically(file, json.dumps(found, indent=1) + "\n")
        click.echo(f"part {part}: {file}")


def device() -> str:
    """Return the name of the device in words."""
    import torch

    return torch.cuda.get_device_name(0) if torch.cuda.is_available() else f"CPU ({platform.machine()})"


def _packages() -> dict[str, str]:
    return {name: version(name) for name in ("torch", "transformers", "trl", "peft")}


# --- a: parity --------------------------------------------------------------------------------------------------------


def parity() -> dict[str, Any]:
    """Return by model the greatest differences between shared prompts and a row for each completion."""
    from omnisense.testing.tiny_models import tiny_audio, tiny_omni, tiny_text, tiny_vlm

    kinds = {"text": (tiny_text, ()), "vision": (tiny_vlm, ("video",)), "audio": (tiny_audio, ("audio",)),
             "omni": (tiny_omni, ("video", "audio", "both"))}  # fmt: skip
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = _clip(folder / "clip.mp4", 2)
        return {"differences": {k: _parity_of(make(folder / k), clip, media) for k, (make, media) in kinds.items()}}


def _parity_of(model: Path, clip: str, media: tuple[str, ...]) -> dict[str, float]:
    import torch

    prompts = [_prompt(clip, kind) for kind in ("text", *media)]
    trainer = _trainer(model, prompts, model.parent / f"{model.name}-run", dtype="float32")
    encoded = [trainer._encoder.encode(prompt)[0] for prompt in prompts]
    found: list[tuple[Any, dict[str, Any]]] = []
    for share in (True, False):
        trainer._share_prompts = share
        trainer._encoded = [row for row in encoded for _ in range(4)]
        trainer.model.zero_grad()
        logps = _score(trainer, 12)
        logps.mean().backward()
        found.append((logps.detach(), {n: p.grad for n, p in trainer.model.named_parameters() if p.grad is not None}))
        for parameter in trainer.model.parameters():
            parameter.grad = None
    (shared, g_shared), (alone, g_alone) = found
    norms = torch.stack([g.norm() for g in g_alone.values()]).norm()
    difference = torch.stack([(g_shared[n] - g_alone[n]).norm() for n in g_alone]).norm()
    return {
        "log_probs": float((shared - alone).abs().max()),
        "gradients_relative": float(difference / norms),
    }


def _score(trainer: Any, length: int) -> Any:
    """Return log-probabilities of fixed completions of the trainer's prompts."""
    import torch

    device, pad = trainer.accelerator.device, trainer._tokenizer.pad_token_id
    rows = trainer._encoded
    width = max(row.length for row in rows)
    draw = torch.Generator().manual_seed(0)
    replies = torch.randint(65, 91, (len(rows), length), generator=draw)
    ids = torch.full((len(rows), width + length), pad)
    mask = torch.zeros_like(ids)
    for i, row in enumerate(rows):
        ids[i, width - row.length : width] = row.inputs["input_ids"][0]
        ids[i, width:] = replies[i]
        mask[i, width - row.length :] = 1
    return trainer._get_per_token_logps_and_entropies(trainer.model, ids.to(device), mask.to(device), length)[0]


# --- b: steps of the recipe omni-3b -----------------------------------------------------------------------------------


def omni_steps(rehearse: bool) -> dict[str, Any]:
    """Return seconds a step, tokens a second and peak memory by batch size, ours and with a row for each completion."""
    import torch

    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        clip = _clip(folder / "clip.mp4", 2 if rehearse else 16)
        for batch in _BATCHES[:1] if rehearse else _BATCHES:
            for share in (True, False):
                gc.collect()  # a trainer refers to itself: without this the one before would count as memory
                torch.cuda.empty_cache()
                try:
                    rows.append(_omni_step(folder, clip, batch, share, rehearse))
                except torch.cuda.OutOfMemoryError:
                    rows.append({"completions": batch, "shared": share, "out_of_memory": True})
    return {"weights": "random", "steps": rows}


def _omni_step(folder: Path, clip: str, batch: int, share: bool, rehearse: bool) -> dict[str, Any]:
    import torch

    from omnisense.testing.tiny_models import tiny_omni

    tiny = tiny_omni(folder / "tiny") if not (folder / "tiny").is_dir() else folder / "tiny"
    model = None if rehearse else _random_omni_3b(tiny)
    prompts = [_prompt(clip, "both", frames=4 if rehearse else _VIDEO_FRAMES)]
    trainer = _trainer(
        tiny, prompts, folder / "run", model=model, dtype="float32" if rehearse else "bfloat16", adapter=True,
        per_device_train_batch_size=batch, num_generations=8, max_completion_length=8 if rehearse else _REPLY,
        max_steps=_STEPS, gradient_checkpointing=not rehearse, beta=0.04, loss_type="grpo",
    )  # fmt: skip
    trainer._share_prompts, trainer._towers = share, trainer._towers if share else None
    if torch.cuda.is_available():
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    log = [entry for entry in trainer.state.log_history if "step_time" in entry]
    tokens = log[-1]["num_tokens"] / len(log)
    seconds = sum(entry["step_time"] for entry in log[1:]) / (len(log) - 1)
    peak = torch.cuda.max_memory_allocated() / 2**30 if torch.cuda.is_available() else None
    return {
        "completions": batch, "shared": share, "prompt_tokens": trainer._encoder.encode(prompts[0])[0].length,
        "seconds_a_step": round(seconds, 3), "tokens_a_second": round(tokens / seconds, 1),
        "peak_gib": None if peak is None else round(peak, 2),
    }  # fmt: skip


def _random_omni_3b(tiny: Path) -> Any:
    """Return a thinker of the sizes of Qwen2.5-Omni-3B with random weights, which takes the tiny model's tokens.

    The sizes are those of the model's published configuration.
    """
    import torch
    from transformers import AutoConfig, Qwen2_5OmniThinkerForConditionalGeneration

    from omnisense.reasoning.policies.rope import patch_rope_index

    config = AutoConfig.from_pretrained(tiny)
    config = getattr(config, "thinker_config", config)
    for part, sizes in {
        "text_config": {
            "hidden_size": 2048, "intermediate_size": 11008, "num_hidden_layers": 36, "num_attention_heads": 16,
            "num_key_value_heads": 2, "vocab_size": 151_936, "max_position_embeddings": 32_768,
            "layer_types": ["full_attention"] * 36, "max_window_layers": 36,
            "rope_scaling": {"mrope_section": [16, 24, 24], "rope_type": "default"},
        },
        "vision_config": {
            "depth": 32, "hidden_size": 1280, "intermediate_size": 3420, "num_heads": 16, "out_hidden_size": 2048,
            "fullatt_block_indexes": [7, 15, 23, 31],
        },
        "audio_config": {
            "d_model": 1280, "encoder_layers": 32, "encoder_attention_heads": 20, "encoder_ffn_dim": 5120,
            "output_dim": 2048,
        },
    }.items():  # fmt: skip
        for name, value in sizes.items():
            setattr(getattr(config, part), name, value)
    with torch.device("cuda"):
        model = Qwen2_5OmniThinkerForConditionalGeneration._from_config(config, dtype=torch.bfloat16)
    patch_rope_index(model)
    return model.eval()


# --- c: SmolLM2 -------------------------------------------------------------------------------------------------------


def small_model(rows: Path | None, runs: Path, rehearse: bool) -> dict[str, Any]:
    """Train choices, then replies from the adapter of the choices; return what each run reports."""
    from omnisense.rl.recipe import read_recipe
    from omnisense.rl.train import train
    from omnisense.testing.tiny_models import tiny_text

    if rows is None:
        raise click.ClickException("part c needs --rows: write them with `omnisense train data agent`")
    quick = ["trainer.max_steps=2", "trainer.save_steps=2", "data.test_limit=4", "data.limit=32", "trainer.bf16=false"]
    if rehearse:
        quick += [f"policy={tiny_text(runs / 'tiny')}", "weights={train: adapter, r: 4}"]
    choice = ["trainer.max_steps=400", "trainer.save_steps=50", "data.test_limit=800"]
    reply = ["trainer.max_steps=300", "trainer.save_steps=25", "data.test_limit=200"]
    if rehearse:
        choice, reply = [*quick], [*quick, "trainer.per_device_train_batch_size=8", "data.max_prompt_tokens=2000"]
        choice += ["data.max_prompt_tokens=2000", "trainer.per_device_train_batch_size=4"]
        reply += ["trainer.gradient_accumulation_steps=1", "trainer.max_completion_length=8"]
    chosen = train(read_recipe("smollm2-choice", [f"data.files=[{rows}]", *choice]), runs / "choice", click.echo)
    start = [f"adapter={runs / 'choice' / 'final'}"]
    replied = train(read_recipe("smollm2-reply", [f"data.files=[{rows}]", *start, *reply]), runs / "reply", click.echo)
    return {
        name: result.summary.model_dump(mode="json", include={"log", "comparison"}) if result.summary else None
        for name, result in (("choice", chosen), ("reply", replied))
    }


# --- d: a small omni model from scratch ------------------------------------------------------------------------------


def omni_from_scratch(clips: Path | None, runs: Path, rehearse: bool) -> dict[str, Any]:
    """Train by stages and all at once, with several seeds; return the comparisons on people who were held out."""
    from omni_curriculum import make_questions, train_all

    from omnisense.testing.tiny_models import tiny_omni

    if clips is None:
        raise click.ClickException("part d needs --clips: a folder with grid/*.mpg and emodb/labels.csv")
    width, layers, steps, train, test = (32, 2, 1, 4, 2) if rehearse else (192, 4, 400, 400, 150)
    overrides = ["trainer.per_device_train_batch_size=16"] if rehearse else []
    model, found = runs / "model", {}
    if not (model / "config.json").is_file():
        tiny_omni(model, width, layers)
    for seed in _SEEDS[:1] if rehearse else _SEEDS:
        file, data = runs / f"seed-{seed}.json", runs / f"data-{seed}"
        if not file.is_file():
            if not (data / "cold.json").is_file():  # it is written last
                make_questions(clips, data, seed, train, test)
            trained = train_all(data, model, runs, seed, steps, overrides)
            write_atomically(file, json.dumps(trained, indent=1) + "\n")
        found[str(seed)] = json.loads(file.read_text("utf-8"))
    return {"seeds": found}


# --- shared -----------------------------------------------------------------------------------------------------------


def _clip(path: Path, seconds: int) -> str:
    from omnisense.perception.media.encode import write_clip

    rng = np.random.default_rng(0)
    frames = rng.integers(0, 255, (seconds * 10, 120, 160, 3), np.uint8)
    write_clip(path, frames, rng.normal(0, 0.1, seconds * 16_000).astype(np.float32), 10)
    return str(path)


def _prompt(clip: str, kind: str, frames: int = 4) -> Any:
    from omnisense.perception.media.sampling import Sampling

    part: dict[str, Any] = {"type": "audio", "path": clip}
    if kind in ("video", "both"):
        few = Sampling(rule="count", count=frames)
        part = {"type": "video", "path": clip, "sampling": few, "with_audio": kind == "both"}
    text = {"type": "text", "text": "What does she feel?"}
    return [{"role": "user", "content": [text] if kind == "text" else [part, text]}]


def _trainer(
    folder: Path, prompts: Any, output: Path, *, dtype: str, model: Any = None, adapter: bool = False, **settings: Any
) -> Any:
    import torch
    from datasets import Dataset
    from trl import GRPOConfig

    from omnisense.reasoning.policies.loading import load_model
    from omnisense.rl.trainers.grpo import OmniGRPOTrainer
    from omnisense.rl.trainers.prompt_prefetch import dump_prompt
    from omnisense.rl.trainers.weights import TrainableWeights

    loaded, encoder = load_model(folder, dtype)
    model = model if model is not None else loaded
    if adapter:
        model = TrainableWeights(r=32, alpha=64).apply(model)
    gpu = torch.cuda.is_available()
    args = GRPOConfig(
        str(output),
        **{
            "per_device_train_batch_size": 4, "num_generations": 4, "report_to": [], "use_cpu": not gpu, "bf16": False,
            "gradient_checkpointing": False, "save_strategy": "no", "disable_tqdm": True, "logging_steps": 1,
        } | settings,
    )  # fmt: skip
    rows = Dataset.from_list([{"prompt": dump_prompt(prompt)} for prompt in prompts])
    return OmniGRPOTrainer(model, encoder, _by_length, args, rows)


def _by_length(completions: Any, **_: Any) -> list[float]:
    return [float(len(completion[0]["content"]) % 5) for completion in completions]


if __name__ == "__main__":
    main()
