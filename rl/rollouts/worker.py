"""A process that generates: ``python -m omnisense.rl.rollouts.worker``, started by :mod:`.workers`.

It loads its engine and answers requests until the trainer goes away. Its environment needs this package, numpy,
pydantic and the engine's library alone.
"""

from __future__ import annotations

import json
import sys
import traceback
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, Literal, Protocol

from omnisense.rl.rollouts.messages import (
    Rollout,
    RolloutPrompt,
    RolloutSampling,
    dump,
    dump_rollouts,
    load,
    load_request,
)

EngineName = Literal["transformers", "vllm"]


class Engine(Protocol):
    """What generates in a worker."""

    def load_adapter(self, folder: str) -> None:
        """Generate with the LoRA adapter in a folder from now on."""

    def generate(self, prompts: Sequence[RolloutPrompt], sampling: RolloutSampling) -> list[Rollout]:
        """Continue prompts."""


def load_engine(name: EngineName, model: str, settings: dict[str, Any]) -> Engine:
    """Return an engine with its model.

    Args:
        name: of the engine.
        model: folder of the model.
        settings: of the engine.
    """
    if name == "vllm":
        from omnisense.rl.rollouts.vllm_engine import VLLMEngine

        return VLLMEngine(model, **settings)
    from omnisense.rl.rollouts.transformers_engine import TransformersEngine

    return TransformersEngine(model, **settings)


class Worker:
    """An engine that answers requests. Errors are answers too, with their cause, so that the trainer can name them."""

    def __init__(self, engine: EngineName, model: str, settings: dict[str, Any]) -> None:
        self._engine: Engine | None = None
        try:
            self._engine = load_engine(engine, model, settings)
        except Exception as error:
            self._started = _failure(error)
        else:
            self._started = dump({})

    def started(self) -> bytes:
        """Return an empty answer, or the error with which the engine did not start."""
        return self._started

    def answer(self, data: bytes) -> bytes:
        """Return the answer to a request."""
        try:
            if self._engine is None:
                return self._started
            content, arrays = load(data)
            if content["verb"] == "load_adapter":
                self._engine.load_adapter(content["folder"])
                return dump({})
            return dump_rollouts(self._engine.generate(*load_request(content, arrays)))
        except Exception as error:
            return _failure(error)


def _failure(error: Exception) -> bytes:
    traceback.print_exc()  # to the worker's own log
    return dump({"error": f"{type(error).__name__}: {error}"})


def main() -> None:
    """Answer the trainer, through the open connection whose number is the first argument; the second is the engine."""
    given = json.loads(sys.argv[2])
    with Connection(int(sys.argv[1])) as connection:
        worker = Worker(given["engine"], given["model"], given["settings"])
        connection.send_bytes(worker.started())
        while True:
            try:
                data = connection.recv_bytes()
            except EOFError:  # the trainer has ended
                return
            connection.send_bytes(worker.answer(data))


if __name__ == "__main__":
    main()
