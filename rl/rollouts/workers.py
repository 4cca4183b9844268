"""The trainer's side of rollout workers: child processes with an interpreter of their own, or Ray actors."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from multiprocessing import Pipe
from pathlib import Path
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict, Field, model_validator

from omnisense.benchmarks.harness.executors import connect_to_ray
from omnisense.errors import OmniSenseError
from omnisense.rl.rollouts.messages import (
    Rollout,
    RolloutPrompt,
    RolloutSampling,
    dump,
    dump_request,
    load,
    load_rollouts,
)
from omnisense.rl.rollouts.worker import EngineName, Worker


class RolloutError(OmniSenseError):
    """A rollout worker that failed, or that reads other prompts than the trainer."""


class RolloutSettings(BaseModel):
    """Where completions are generated, if not in the trainer's own process.

    Attributes:
        engine: ``transformers``, or ``vllm`` (written against its documentation, not run by this project).
        python: the interpreter of the workers' environment; None for the trainer's own.
        workers: how many; each has the whole model.
        devices: for each worker its ``CUDA_VISIBLE_DEVICES``; empty for those of the trainer. Ray assigns its own.
        ray: the address of a Ray cluster (``local`` starts one here), whose actors the workers are; None for child
            processes.
        gpus_per_worker: GPUs of each Ray actor.
        timeout_s: seconds that an answer may take.
        settings: of the engine, such as vLLM's ``max_model_len``.
    """

    model_config = ConfigDict(extra="forbid")

    engine: EngineName = "transformers"
    python: Path | None = None
    workers: int = Field(default=1, ge=1)
    devices: list[str] = []
    ray: str | None = None
    gpus_per_worker: float = Field(default=1, ge=0)
    timeout_s: float = Field(default=3600, gt=0)
    settings: dict[str, Any] = {}

    @model_validator(mode="after")
    def _check(self) -> RolloutSettings:
        if self.devices and len(self.devices) != self.workers:
            raise ValueError(f"{self.workers} workers and {len(self.devices)} devices")
        return self


class _Handle(Protocol):
    def started(self) -> bytes: ...
    def ask(self, data: bytes) -> bytes: ...
    def close(self) -> None: ...


class _ProcessHandle:
    """A worker in a child process."""

    def __init__(self, settings: RolloutSettings, model: Path, number: int, log: Path) -> None:
        self._log, self._timeout_s = log, settings.timeout_s
        self._connection, theirs = Pipe()
        engine = json.dumps({"engine": settings.engine, "model": str(model), "settings": settings.settings})
        devices = {"CUDA_VISIBLE_DEVICES": settings.devices[number]} if settings.devices else {}
        python = str(settings.python or sys.executable)
        log.parent.mkdir(parents=True, exist_ok=True)
        try:
            with log.open("ab") as output:
                self._process = subprocess.Popen(
                    [python, "-m", "omnisense.rl.rollouts.worker", str(theirs.fileno()), engine],
                    pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                    env=_without_launcher(os.environ) | devices,
                )  # fmt: skip
        except OSError as error:
            raise RolloutError(
                f"a rollout worker cannot be started ({error.strerror}: {python})", "Correct rollouts.python.", log
            ) from error
        finally:
            theirs.close()

    def started(self) -> bytes:
        return self._receive()

    def ask(self, data: bytes) -> bytes:
        try:
            self._connection.send_bytes(data)
        except OSError as error:
            raise self._lost() from error
        return self._receive()

    def close(self) -> None:
        self._connection.close()  # at which the worker ends
        try:
            self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _receive(self) -> bytes:
        try:
            if self._connection.poll(self._timeout_s):
                return self._connection.recv_bytes()
        except (EOFError, OSError) as error:
            raise self._lost() from error
        raise RolloutError(
            f"a rollout worker has not answered for {self._timeout_s:g} s", "Raise rollouts.timeout_s.", self._log
        )

    def _lost(self) -> RolloutError:
        return RolloutError(
            "a rollout worker has ended", "Its log has the reason; the same command resumes the run.", self._log
        )


class _RayHandle:
    """A worker that is a Ray actor."""

    def __init__(self, ray: Any, settings: RolloutSettings, model: Path) -> None:
        environment = {"py_executable": str(settings.python)} if settings.python else {}
        options = {"num_gpus": settings.gpus_per_worker, "runtime_env": environment}
        self._ray, self._timeout_s = ray, settings.timeout_s
        self._actor = ray.remote(**options)(Worker).remote(settings.engine, str(model), settings.settings)

    def started(self) -> bytes:
        return self._get(self._actor.started.remote())

    def ask(self, data: bytes) -> bytes:
        return self._get(self._actor.answer.remote(data))

    def close(self) -> None:
        self._ray.kill(self._actor)

    def _get(self, reference: Any) -> bytes:
        try:
            found: bytes = self._ray.get(reference, timeout=self._timeout_s)
        except self._ray.exceptions.RayError as error:
            raise RolloutError(
                f"a rollout worker of Ray failed ({type(error).__name__})", "See Ray's logs; the same command resumes."
            ) from error
        return found


class RolloutWorkers:
    """Workers that generate at the same time.

    Args:
        settings: where and how.
        model: folder of the model; every worker must be able to read it, and the adapters' folders too.
        logs: folder for what child processes print.

    Raises:
        RolloutError: a worker did not start.
        ModelError: Ray is not installed, or cannot be reached.
    """

    def __init__(self, settings: RolloutSettings, model: Path, logs: Path) -> None:
        self._ray: Any = None
        self._handles: list[_Handle] = []
        self._threads = ThreadPoolExecutor(settings.workers, thread_name_prefix="rollouts")
        try:
            if settings.ray is not None:
                self._ray = connect_to_ray(settings.ray)
                self._handles = [_RayHandle(self._ray, settings, model) for _ in range(settings.workers)]
            else:
                for number in range(settings.workers):
                    log = logs / f"rollouts-{os.environ.get('RANK', '0')}-{number}.log"
                    self._handles.append(_ProcessHandle(settings, model, number, log))
            self._gather([handle.started for handle in self._handles])
        except BaseException:
            self.close()
            raise

    def load_adapter(self, folder: Path) -> None:
        """Let all workers generate with the LoRA adapter in a folder from now on."""
        data = dump({"verb": "load_adapter", "folder": str(folder)})
        self._gather([lambda handle=handle: handle.ask(data) for handle in self._handles])

    def generate(self, prompts: Sequence[RolloutPrompt], sampling: RolloutSampling) -> list[Rollout]:
        """Return what the workers write after prompts, in their order.

        Raises:
            RolloutError: a worker failed.
        """
        count = len(self._handles)
        shares = [prompts[number::count] for number in range(count)]
        asked = [
            lambda handle=handle, share=share, number=number: handle.ask(
                dump_request(share, sampling.model_copy(update={"seed": sampling.seed * count + number}))
            )
            for number, (handle, share) in enumerate(zip(self._handles, shares, strict=True))
            if share
        ]
        found: list[Rollout | None] = [None] * len(prompts)
        for number, content in enumerate(self._gather(asked)):
            found[number::count] = load_rollouts(content)
        return [rollout for rollout in found if rollout is not None]

    def close(self) -> None:
        """End the workers."""
        for handle in self._handles:
            handle.close()
        self._handles = []
        self._threads.shutdown()
        if self._ray is not None:
            self._ray.shutdown()

    def _gather(self, calls: Sequence[Any]) -> list[dict[str, Any]]:
        answers = [load(data)[0] for data in self._threads.map(lambda call: call(), calls)]
        for content in answers:
            if "error" in content:
                raise RolloutError(
                    f"a rollout worker failed ({content['error']})",
                    "Correct `rollouts` in the recipe, or its log says more.",
                )
        return answers


def _without_launcher(environment: Any) -> dict[str, str]:
    """Return an environment without what a launcher of distributed training says to its processes."""
    said = {"RANK", "LOCAL_RANK", "WORLD_SIZE", "LOCAL_WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT", "GROUP_RANK"}
    return {name: value for name, value in environment.items() if name not in said}
