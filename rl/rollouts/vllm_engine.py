"""Generation by vLLM in a worker. Not run by this project's tests or measurements: vLLM needs a GPU.

Written against vLLM's documented interface: ``LLM``, ``SamplingParams``, ``TokensPrompt`` with ``multi_modal_data`` and
``mm_processor_kwargs``, and ``LoRARequest`` (https://docs.vllm.ai, 0.11 and later). If a version writes the tokens of
media in another way than the trainer, training stops before its first step (:mod:`.generation`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from omnisense.rl.rollouts.messages import Completion, Rollout, RolloutPrompt, RolloutSampling

_SAMPLE_RATE_HZ = 16_000
_NEVER = -100.0  # the least that vLLM takes as a bias on a token


class VLLMEngine:
    """A model served by vLLM in this process, with an adapter.

    Args:
        model: folder of the model.
        max_lora_rank: at least the rank of the adapter that is trained.
        settings: of ``vllm.LLM``, such as ``max_model_len``, ``gpu_memory_utilization`` and ``limit_mm_per_prompt``.
    """

    def __init__(self, model: str, max_lora_rank: int = 64, **settings: Any) -> None:
        from vllm import LLM

        # Log-probabilities of what is sampled from: after the temperature and the bias.
        given = {"enable_lora": True, "max_lora_rank": max_lora_rank, "logprobs_mode": "processed_logprobs"}
        self._llm = LLM(model=model, **given | settings)
        self._adapter: Any = None
        self._adapters = 0

    def load_adapter(self, folder: str) -> None:
        """Generate with the LoRA adapter in a folder from now on."""
        from vllm.lora.request import LoRARequest

        self._adapters += 1  # vLLM keeps adapters by number: new weights need a new one
        self._adapter = LoRARequest(f"step-{self._adapters}", self._adapters, folder)
        self._llm.reset_prefix_cache()

    def generate(self, prompts: Sequence[RolloutPrompt], sampling: RolloutSampling) -> list[Rollout]:
        """Continue prompts."""
        from vllm import SamplingParams

        settings = [
            SamplingParams(
                n=prompt.completions, max_tokens=sampling.max_new_tokens, temperature=sampling.temperature,
                top_p=sampling.top_p, top_k=sampling.top_k, min_p=sampling.min_p,
                repetition_penalty=sampling.repetition_penalty, seed=sampling.seed + number,
                logit_bias=dict.fromkeys(sampling.suppressed, _NEVER) or None, stop_token_ids=list(sampling.end),
                logprobs=0, detokenize=False,
            )
            for number, prompt in enumerate(prompts)
        ]  # fmt: skip
        outputs = self._llm.generate(
            [_tokens_prompt(prompt) for prompt in prompts], settings, lora_request=self._adapter, use_tqdm=False
        )
        return [
            Rollout(list(output.prompt_token_ids), [_completion(written) for written in output.outputs])
            for output in outputs
        ]


def _completion(written: Any) -> Completion:
    ids = list(written.token_ids)
    return Completion(ids, [row[token].logprob for row, token in zip(written.logprobs, ids, strict=True)])


def _tokens_prompt(prompt: RolloutPrompt) -> dict[str, Any]:
    """Return a prompt in vLLM's form (a ``TokensPrompt``)."""
    media, data = prompt.media, dict[str, Any]()
    found: dict[str, Any] = {"prompt_token_ids": prompt.ids}
    if media.images:
        from PIL import Image

        data["image"] = [Image.fromarray(image) for image in media.images]
    if media.videos:
        data["video"] = list(media.videos)
    if media.audio:
        data["audio"] = [(samples, _SAMPLE_RATE_HZ) for samples in media.audio]
    settings: dict[str, Any] = {}
    if media.videos:
        settings |= {"fps": media.rates[0], "do_sample_frames": False}
    if any(media.video_has_audio):
        settings["use_audio_in_video"] = True
    if data:
        found |= {"multi_modal_data": data, "mm_processor_kwargs": settings}
    return found
