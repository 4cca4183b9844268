"""A worker holds one system and turns batches of items into records; errors become records of their own kind."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.records import Done, Record
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.suite import OfficialScore, Suite
from omnisense.benchmarks.harness.systems import Prepared, Reply, System, SystemSettings, build
from omnisense.errors import InputError, MediaError, OmniSenseError, PolicyError
from omnisense.reasoning.answers.parser import PARSER_VERSION
from omnisense.reasoning.policies.messages import MediaUsage

_STRIP_FRAMES, _STRIP_HEIGHT = 8, 96
_PICTURE_HEIGHT = 360  # of a single picture: boxes are drawn over it


class _Failure(NamedTuple):
    error: Exception


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is made from, here or in another process.

    Attributes:
        system, prompting: of the run.
        suite: the benchmark, for its official score and its authors' prompts.
        counted: samples for baselines that count right answers.
    """

    system: SystemSettings
    prompting: PromptSettings
    suite: Suite
    counted: tuple[Sample, ...] = ()

    def make(self) -> Worker:
        """Load the system.

        Raises:
            OmniSenseError: it cannot be had.
        """
        system = build(self.system, self.prompting, self.suite.load_templates, self.counted)
        system.load()
        # Our agent answers with think and answer tags, whatever was asked for.
        return Worker(system, self.suite.official_score, self.prompting.think or self.system.kind == "agent")

    def lost(self, sample: Sample, cause: PolicyError) -> Done:
        """The record of a question that its worker died of."""
        return Done(failed(sample, cause, "worker died"))


class Worker:
    """Answers batches. Two threads may call :meth:`work`: one batch is prepared while the other is answered."""

    def __init__(self, system: System, official_score: OfficialScore, think: bool) -> None:
        self.system, self._official_score, self._think = system, official_score, think
        self._answering = threading.Lock()

    def work(self, batch: Sequence[Sample]) -> list[Done]:
        """A record for each item of a batch, in its order."""
        done: dict[str, Done] = {}
        prepared: list[Prepared] = []
        for sample in batch:
            if sample.problem:
                done[sample.id] = Done(failed(sample, InputError(sample.problem, "Mend the data."), "bad question"))
                continue
            try:
                prepared.append(self.system.prepare(sample))
            except Exception as error:  # whatever is wrong with one clip must not cost the others
                done[sample.id] = Done(failed(sample, error))
        with self._answering:
            began = time.perf_counter()
            replies = self._answers(prepared)
            seconds = (time.perf_counter() - began) / max(len(prepared), 1)
        for p, reply in zip(prepared, replies, strict=True):
            if isinstance(reply, _Failure):
                done[p.sample.id] = Done(failed(p.sample, reply.error))
            else:
                done[p.sample.id] = Done(self._record(p, reply, seconds), strip(p.media_usage))
        return [done[sample.id] for sample in batch]

    def _answers(self, batch: list[Prepared]) -> list[Reply | _Failure]:
        """Replies; a batch that fails is halved until the items that fail stand alone."""
        if not batch:
            return []
        try:
            replies: list[Reply | _Failure] = [*self.system.answer(batch)]
            if len(replies) != len(batch):
                raise PolicyError(f"the system gave {len(replies)} replies to {len(batch)} questions", "Mend it.")
            return replies
        except Exception as error:  # also running out of memory, which a smaller batch may not
            if len(batch) == 1:
                return [_Failure(error)]
        half = len(batch) // 2
        return self._answers(batch[:half]) + self._answers(batch[half:])

    def _record(self, prepared: Prepared, reply: Reply, seconds: float) -> Record:
        sample, usage = prepared.sample, prepared.media_usage
        value, answer, reason = score(reply.text, sample.question, sample.gold)
        return Record(
            **_about(sample) | {"length_s": round(sample.length_s or usage.audio_s, 2)},
            status="answered",
            reply=reply.text,
            thinking=answer.thinking,
            answer=answer.value,
            how=answer.how,
            strict=value,
            reason=reason,
            official=self._official_score(sample, reply.text, self._think),
            probabilities=reply.probabilities,
            prompt=prepared.prompt_sha,
            frames=len(usage.times_s),
            times_s=tuple(round(t, 3) for t in usage.times_s),
            audio_s=usage.audio_s,
            parser=PARSER_VERSION,
            notes=prepared.notes,
            seconds=round(seconds, 4),
        )


def failed(sample: Sample, error: Exception, kind: str = "") -> Record:
    """The record of a question that the system was never heard on."""
    kind = kind or ("bad media" if isinstance(error, MediaError) else type(error).__name__)
    lasting = isinstance(error, MediaError | InputError)
    where = getattr(error, "path", None)
    cause = f"{where}: {error.problem}" if isinstance(error, OmniSenseError) and where else str(error) or repr(error)
    return Record(
        **_about(sample), status="error", error={"kind": kind, "cause": cause[:500], "retryable": not lasting}
    )


def _about(sample: Sample) -> dict[str, Any]:
    return {
        "id": sample.id,
        "task": sample.task,
        "level": sample.level,
        "kind": sample.question.kind,
        "gold": sample.gold,
        "question": sample.question.text,
        "options": sample.question.options,
        "form": sample.question.form,
        "length_s": round(sample.length_s, 2),
    }


def strip(usage: MediaUsage) -> bytes | None:
    """Up to eight of the frames that the model saw, side by side, as a small JPEG; a single picture larger."""
    from PIL import Image

    frames = [frame for block in usage.images for frame in block]
    if not frames:
        return None
    picked = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, _STRIP_FRAMES).round().astype(int))]
    small = [Image.fromarray(frame) for frame in picked]
    height = _STRIP_HEIGHT if len(frames) > 1 else min(_PICTURE_HEIGHT, small[0].height)
    small = [im.resize((max(1, im.width * height // im.height), height)) for im in small]
    sheet = Image.new("RGB", (sum(im.width for im in small), height))
    x = 0
    for im in small:
        sheet.paste(im, (x, 0))
        x += im.width
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
