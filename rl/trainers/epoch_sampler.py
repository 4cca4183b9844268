"""The order of prompts, such that a run can resume in a later epoch."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from trl.trainer.utils import RepeatSampler


class EpochSeededSampler(torch.utils.data.Sampler[int]):
    """TRL's sampler with an order that depends only on the epoch, so that a run can resume in a later epoch."""

    def __init__(self, sampler: RepeatSampler) -> None:
        self._sampler = sampler

    def __len__(self) -> int:
        return len(self._sampler)

    def __iter__(self) -> Iterator[int]:
        return iter(self._sampler)

    def set_epoch(self, epoch: int) -> None:
        """Seed the order; Accelerate calls this before each epoch."""
        if self._sampler.shuffle:
            self._sampler.generator.manual_seed(self._sampler.seed + epoch)
