"""Records: one for each question that was asked, answered or failed, as lines of JSON."""

from __future__ import annotations

import functools
import json
import traceback
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import ConfigDict, Field, TypeAdapter, ValidationError

from omnisense.errors import InputError, MediaError, ModelError, OmniSenseError, PolicyError
from omnisense.reasoning.answers.question import Kind
from omnisense.text import parse_json

SCHEMA_VERSION: Literal[3] = 3
_READABLE = (2, SCHEMA_VERSION)  # records of version 2 lack what can be audited, and nothing else
_MAX_MESSAGE, _MAX_TRACEBACK = 500, 20_000  # characters that a record keeps
Status = Literal["answered", "error"]
Share = Annotated[float, Field(ge=0, le=1)]
ErrorKind = Literal[
    "bad question",
    "bad media",
    "bad input",
    "model error",
    "policy error",
    "out of memory",
    "connection lost",
    "worker died",
    "internal error",
]
# Whether the same question may succeed when it is asked again without a change of data or code.
_RETRYABLE: dict[ErrorKind, bool] = {
    "bad question": False,
    "bad media": False,
    "bad input": False,
    "model error": True,
    "policy error": True,
    "out of memory": True,
    "connection lost": True,
    "worker died": True,
    "internal error": False,
}


@dataclass(frozen=True)
class RecordError:
    """Why a question has no answer.

    Attributes:
        kind: what failed. An ``internal error`` is a fault in the program, whatever exception it was.
        type: the exception's class.
        message: the exception's message, after the path of the file concerned; at most 500 characters.
        traceback: where it was raised; empty when no exception was (a question with a problem in its data).
        retryable: whether another try may succeed as things are. ``--retry-errors`` asks every failed question again:
            data and programs get fixed too.
    """

    kind: ErrorKind
    type: str
    message: str
    traceback: str = ""
    retryable: bool = False

    @classmethod
    def from_exception(cls, error: BaseException, kind: ErrorKind | None = None) -> RecordError:
        """Describe an exception.

        Args:
            error: the exception.
            kind: what failed; by default derived from the exception.
        """
        kind = kind or _error_kind(error)
        path = getattr(error, "path", None)
        message = str(error) or repr(error)
        if isinstance(error, OmniSenseError) and path:
            message = f"{path}: {error.problem}"
        trace = "".join(traceback.format_exception(error)) if error.__traceback__ else ""
        return cls(kind, type(error).__name__, message[:_MAX_MESSAGE], trace[-_MAX_TRACEBACK:], _RETRYABLE[kind])

    @property
    def summary(self) -> str:
        """Kind and message in one line; for internal errors with the exception's class."""
        named = f"{self.type}: " if self.kind == "internal error" else ""
        return f"{self.kind}: {named}{self.message}"


def _error_kind(error: BaseException) -> ErrorKind:
    if isinstance(error, MediaError):
        return "bad media"
    if isinstance(error, InputError):
        return "bad input"
    if isinstance(error, ModelError):
        return "model error"
    if isinstance(error, PolicyError):
        return "policy error"
    if isinstance(error, MemoryError) or "out of memory" in str(error).lower():  # torch raises RuntimeErrors
        return "out of memory"
    if isinstance(error, ConnectionError | TimeoutError):
        return "connection lost"
    return "internal error"


@dataclass(frozen=True)
class Record:
    """What became of one question.

    Attributes:
        id, task, level, kind, gold, question, options, form: of the sample; a record is read without its dataset.
        status: ``answered``, or ``error``: the system gave no reply, so that it is neither right nor wrong.
        reply: the reply as it came; ``thinking`` and ``answer`` are what was parsed from it, ``how`` by which rule.
        strict: the strict score, 0 to 1; ``reason`` says why.
        official: the authors' score, 0 to 1; None where they do not count the reply.
        probabilities: of the answers, where the system chose among them.
        prompt: SHA-256 (12 digits) of the text of the prompt.
        frames: how many frames reached the model, ``times_s`` when (s); ``audio_s`` seconds of audio that reached it.
        length_s: of the clips that were given (s); where none was, as far as the data says.
        parser: version of the answer parser.
        notes: what was not as requested.
        seconds: that it took to prepare the question (to decode and perceive its media), and its share of the time in
            which the batch was answered; in records of version 0.2 the share alone.
        error: why there is no reply; None when there is one.
        source: file and row of the data that the question was read from; ``group``, ``tags`` and ``row`` as in
            :class:`.dataset.Sample`.
        attempt: number of the attempt, from 1 on; the ids of later ones end in ``@2`` and so on.
        messages: the whole prompt: of each message its role and its text, with ``[video]`` and the like for media.
        media: of each medium in the prompt its type, path, window (s) and whether its sound is given; then, marked
            ``perceived``, the media that an agent perceived for it.
        transcript: that the prompt holds.
        prompt_tokens, reply_tokens: None where the system does not count them.
        calls: of a system that makes several, what each was for and what it found.
        model_args: how the model was loaded.
        extracted_by: the judge that extracted the answer from a reply that could not be read; empty for none.
    """

    __pydantic_config__ = ConfigDict(extra="forbid")

    id: str
    task: str
    level: int
    kind: Kind
    gold: str
    question: str
    options: tuple[str, ...]
    status: Status
    form: str = ""
    reply: str = ""
    thinking: str = ""
    answer: str = ""
    how: str = ""
    strict: Share = 0.0
    reason: str = ""
    official: Share | None = None
    probabilities: dict[str, float] | None = None
    prompt: str = ""
    frames: int = 0
    times_s: tuple[float, ...] = ()
    audio_s: float = 0.0
    length_s: float = 0.0
    parser: int = 0
    notes: tuple[str, ...] = ()
    seconds: float = 0.0
    error: RecordError | None = None
    source: str = ""
    group: str = ""
    tags: dict[str, tuple[str, ...]] = field(default_factory=dict)
    row: dict[str, Any] = field(default_factory=dict)
    attempt: int = 1
    messages: tuple[dict[str, str], ...] = ()
    media: tuple[dict[str, Any], ...] = ()
    transcript: str = ""
    prompt_tokens: int | None = None
    reply_tokens: int | None = None
    calls: tuple[dict[str, str], ...] = ()
    model_args: dict[str, str] = field(default_factory=dict)
    extracted_by: str = ""
    schema_version: Literal[3] = SCHEMA_VERSION

    @property
    def question_id(self) -> str:
        """The id of the question, whichever attempt this is."""
        return self.id.partition("@")[0] if self.attempt > 1 else self.id

    def to_dict(self) -> dict[str, Any]:
        """Return the record as plain values; :meth:`from_dict` reads them back."""
        values = dict(vars(self))  # in the order of the fields; asdict would copy all that is in them
        if self.error is not None:
            values["error"] = asdict(self.error)
        return values

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Record:
        """Read a record.

        Raises:
            InputError: it is of another schema version, or its values are not a record's.
        """
        if not isinstance(values, Mapping):
            raise InputError("it is not a record (no object)", "Remove it; run again.")
        version = values.get("schema_version", 1)
        if version not in _READABLE:
            raise InputError(
                f"the record has schema version {version}, and this version of OmniSense reads {SCHEMA_VERSION}",
                "Run the benchmark again into another --output, or read the run with the version that wrote it.",
            )
        try:
            return _adapter().validate_python({**values, "schema_version": SCHEMA_VERSION})
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"]))
            raise InputError(f"it is not a record ({where}: {first['msg']})", "Remove it; run again.") from error

    def to_line(self) -> str:
        """Return the record as one line of JSON; what can be audited is left out where there is nothing."""
        values = self.to_dict()
        for name in SPARSE_FIELDS:
            if not values[name] and values[name] != 0:
                del values[name]
        return _encode(values) + "\n"


# Left out of a line of ``records.jsonl`` where they are empty.
SPARSE_FIELDS = (
    "source", "group", "tags", "row", "messages", "media", "transcript", "prompt_tokens", "reply_tokens", "calls",
    "model_args", "extracted_by",
)  # fmt: skip
_encode = json.JSONEncoder(ensure_ascii=False).encode


@dataclass(frozen=True)
class Outcome:
    """What a worker returns for a question: its record, and the frames that the model saw as one JPEG, if any."""

    record: Record
    contact_sheet: bytes | None = field(default=None, repr=False)


@functools.cache
def _adapter() -> TypeAdapter[Record]:
    return TypeAdapter(Record)


def read_records(folder: Path) -> list[Record]:
    """Return all records of a run, of all its shards, ordered by id. A torn last line, left by a kill, is skipped.

    Raises:
        InputError: a line in the middle of a file is damaged, or of another schema version.
    """
    by_id: dict[str, Record] = {}
    for file in sorted(folder.glob("records*.jsonl")):
        for record in read_record_file(file):
            by_id.setdefault(record.id, record)
    return [by_id[key] for key in sorted(by_id)]


def read_record_file(file: Path) -> list[Record]:
    """Return the records of one file, in its order; none where there is no file. See :func:`read_records`."""
    if not file.is_file():
        return []
    records = []
    lines = file.read_bytes().split(b"\n")
    for number, line in enumerate(lines, 1):
        if not line or number == len(lines):  # after the last newline: nothing, or a torn line
            continue
        try:
            values = parse_json(line)
        except ValueError as error:
            raise InputError(
                f"line {number} is not a record ({error})", "Remove the line; its question will be asked again.", file
            ) from error
        try:
            records.append(Record.from_dict(values))
        except InputError as error:
            raise InputError(f"line {number}: {error.problem}", error.remedy, file) from error
    return records
