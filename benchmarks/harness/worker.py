"""A worker holds one system and turns batches of samples into records; errors become records too."""

from __future__ import annotations

import hashlib
import logging
import os
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

from omnisense.benchmarks.harness.build_system import build_system
from omnisense.benchmarks.harness.contact_sheet import contact_sheet
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.judge import can_extract, extract_answers
from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.records import ErrorKind, Outcome, Record, RecordError
from omnisense.benchmarks.harness.scorer import score
from omnisense.benchmarks.harness.suite import OfficialScore, Suite
from omnisense.benchmarks.harness.systems import Prepared, Reply, System, SystemSettings
from omnisense.errors import InputError, PolicyError
from omnisense.reasoning.answers.choosing import in_form
from omnisense.reasoning.answers.parser import PARSER_VERSION, parse
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.load import load_policy
from omnisense.reasoning.policies.messages import Message, Part, clip_of, media_of

_log = logging.getLogger(__name__)
_LONGEST_GROUP = 200  # characters; a longer one is the text of a dialogue, of which a record keeps an id


class _Failure(NamedTuple):
    error: Exception


@dataclass(frozen=True)
class WorkerSettings:
    """How to make a worker, here or in another process.

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
            OmniSenseError: it cannot be loaded.
        """
        system = build_system(self.system, self.prompting, self.suite.load_templates, self.counted)
        system.load()
        judge = load_policy(self.system.judge, batch_size=self.system.batch_size) if self.system.judge else None
        return Worker(
            system, self.suite.official_score, self.prompting.think, self.system.model_args, self.prompting.media, judge
        )

    def lost(self, sample: Sample, cause: PolicyError) -> Outcome:
        """Return the record of a question whose worker died."""
        return Outcome(error_record(sample, cause, "worker died"))


class Worker:
    """Answers batches. Two threads may call :meth:`work`: one batch is prepared while the other is answered."""

    def __init__(
        self,
        system: System,
        official_score: OfficialScore,
        think: bool,
        model_args: Mapping[str, str] | None = None,
        shows_media: bool = True,
        judge: Policy | None = None,
    ) -> None:
        self.system, self._official_score, self._think = system, official_score, think
        self._model_args, self._shows_media = dict(model_args or {}), shows_media
        self._judge = judge
        self._answering = threading.Lock()

    def work(self, batch: Sequence[Sample]) -> list[Outcome]:
        """Return the outcome of each sample of a batch, in its order."""
        outcomes: dict[str, Outcome] = {}
        prepared: list[Prepared] = []
        took: list[float] = []
        for sample in batch:
            began = time.perf_counter()
            if problem := sample.why_not(self._shows_media):
                fault = InputError(problem, "Fix the data.")
                kind: ErrorKind = "bad question" if sample.problem else "bad media"
                outcomes[sample.id] = Outcome(error_record(sample, fault, kind))
                continue
            try:
                prepared.append(self.system.prepare(sample))
            except Exception as error:  # whatever is wrong with one clip must not cost the others
                outcomes[sample.id] = Outcome(error_record(sample, error))
            else:
                took.append(time.perf_counter() - began)
        with self._answering:
            began = time.perf_counter()
            replies = self._answer(prepared)
            share = (time.perf_counter() - began) / max(len(prepared), 1)
            extracted = self._extract(prepared, replies) if self._judge else {}
        for p, reply, seconds in zip(prepared, replies, took, strict=True):
            outcomes[p.sample.id] = self._outcome(p, reply, seconds + share, extracted.get(p.sample.id, ""))
        return [outcomes[sample.id] for sample in batch]

    def _answer(self, batch: list[Prepared]) -> list[Reply | _Failure]:
        """Return replies; a batch that fails is halved until only the samples that fail are left."""
        if not batch:
            return []
        try:
            replies: list[Reply | _Failure] = [*self.system.answer(batch)]
            if len(replies) != len(batch):
                raise RuntimeError(f"the system gave {len(replies)} replies to {len(batch)} questions")
            return replies
        except Exception as error:  # also running out of memory, which a smaller batch may not
            if len(batch) == 1:
                return [_Failure(error)]
            _log.debug("a batch of %d failed (%s); answering it in halves", len(batch), error)
        half = len(batch) // 2
        return self._answer(batch[:half]) + self._answer(batch[half:])

    def _extract(self, prepared: Sequence[Prepared], replies: Sequence[Reply | _Failure]) -> dict[str, str]:
        """Return the answers that the judge finds in replies that cannot be read, by question."""
        assert self._judge is not None
        unread = [
            (p.sample, reply.text)
            for p, reply in zip(prepared, replies, strict=True)
            if isinstance(reply, Reply) and can_extract(p.sample.question) and not _answer_in(reply.text, p.sample)
        ]
        found = extract_answers(self._judge, [s.question for s, _ in unread], [text for _, text in unread])
        return {sample.id: answer for (sample, _), answer in zip(unread, found, strict=True) if answer}

    def _outcome(self, prepared: Prepared, reply: Reply | _Failure, seconds: float, extracted: str) -> Outcome:
        if isinstance(reply, _Failure):
            return Outcome(error_record(prepared.sample, reply.error))
        try:
            record = self._record(prepared, reply, seconds)
            if extracted and self._judge is not None:
                record = with_extracted(record, prepared.sample.question, extracted, self._judge.name)
            return Outcome(record, contact_sheet(prepared.media_usage))
        except Exception as error:  # a fault in the scoring of one reply must not cost the others
            return Outcome(error_record(prepared.sample, error))

    def _record(self, prepared: Prepared, reply: Reply, seconds: float) -> Record:
        sample, usage = prepared.sample, prepared.media_usage
        value, answer, reason = score(reply.text, sample.question, sample.gold)
        return Record(
            **_sample_fields(sample) | {"length_s": round(_shown_s(prepared) or sample.length_s, 2)},
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
            messages=tuple({"role": m["role"], "text": _text_with_marks(m)} for m in prepared.messages),
            media=_media(prepared),
            transcript=prepared.transcript,
            prompt_tokens=prepared.prompt_tokens,
            reply_tokens=reply.tokens,
            calls=tuple({"name": call.name, "text": call.text} for call in reply.calls),
            model_args=self._model_args,
        )


def with_extracted(record: Record, question: Question, answer: str, judge: str) -> Record:
    """Return a record whose answer a judge extracted, scored and marked."""
    value, _, reason = score(in_form(answer, question), question, record.gold)
    how = f"extracted by {judge}, since {record.how}"
    return replace(record, answer=answer, how=how, strict=value, reason=reason, extracted_by=judge)


def _answer_in(text: str, sample: Sample) -> str:
    return parse(text, sample.question.kind, sample.question.options, sample.question.form).value


def error_record(sample: Sample, error: Exception, kind: ErrorKind | None = None) -> Record:
    """Return the record of a question that the system gave no reply to, and log why.

    Args:
        sample: the question.
        error: what was raised.
        kind: what failed; by default derived from the exception.
    """
    found = RecordError.from_exception(error, kind)
    if found.kind == "internal error":
        _log.error("question %s failed: %s", sample.id, found.type, exc_info=error)
    else:  # data and services fail in known ways; the record has the traceback
        _log.info("question %s failed: %s", sample.id, found.summary)
    return Record(**_sample_fields(sample), status="error", error=found)


def _sample_fields(sample: Sample) -> dict[str, Any]:
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
        "source": sample.source,
        "group": sample.group if len(sample.group) <= _LONGEST_GROUP else _id_of(sample.group),
        "tags": dict(sample.tags),
        "row": dict(sample.row),
        "attempt": sample.attempt,
    }


def _id_of(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:12]


def _text_with_marks(content: Message) -> str:
    """Return the text of a message, with a mark such as ``[video]`` where a medium stands."""
    return "\n".join(part["text"] if part["type"] == "text" else f"[{part['type']}]" for part in content["content"])


def _media(prepared: Prepared) -> tuple[dict[str, Any], ...]:
    """Return the media of the prompt, then those that were perceived for it."""
    given = [_shown(part) for part in media_of(prepared.messages)]
    return (*given, *(_shown(part) | {"perceived": True} for part in prepared.perceived))


def _shown_s(prepared: Prepared) -> float:
    """Return the length (s) of the clips that were perceived or given, the same file once; 0 for pictures and texts."""
    parts = prepared.perceived or media_of(prepared.messages)
    lengths_s = {(p["path"], p.get("start_s")): clip_of(p).duration_s for p in parts if p["type"] in ("video", "audio")}
    return sum(lengths_s.values())


def _shown(part: Part) -> dict[str, Any]:
    shown: dict[str, Any] = {
        key: part[key] for key in ("type", "path", "start_s", "end_s", "with_audio") if key in part
    }
    return shown | {"path": os.path.abspath(part["path"])}  # a report opens it from anywhere
