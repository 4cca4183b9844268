"""Workarounds for other libraries that reach beyond this package: each with its reason, and as narrow as it can be."""

from __future__ import annotations

import contextlib
import functools
import io
import logging
import os
import sys
import tempfile
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TextIO

from omnisense.errors import ModelError

_STDERR = 2
_TRACING_VARIABLES = tuple(  # every name under which langsmith looks (``langsmith.utils.tracing_is_enabled``)
    f"{product}_{name}" for product in ("LANGSMITH", "LANGCHAIN") for name in ("TRACING_V2", "TRACING")
)
_IMPORTING_DECORD = threading.Lock()
_LOADING_LITERT = threading.Lock()
_LOADING_TENSORS = threading.Lock()


def import_decord() -> Any:
    """decord, kept from loading CUDA libraries that decoding on the CPU does not need. Safe to call from any thread.

    decord2 3.4 loads everything under site-packages/nvidia with global symbols when it is imported
    (``decord/_ffi/base.py``). libnvblas is among it and takes over BLAS: torch, imported later, then crashes in its
    first matrix product. A None in ``sys.modules`` makes decord believe that the package is not there.
    """
    with _IMPORTING_DECORD:
        return _decord()


@functools.lru_cache(maxsize=1)
def _decord() -> Any:
    hidden = sys.modules.get("nvidia")
    sys.modules["nvidia"] = None  # type: ignore[assignment]
    try:
        import decord
    finally:
        del sys.modules["nvidia"]
        if hidden is not None:
            sys.modules["nvidia"] = hidden
    decord.logging.set_level(decord.logging.QUIET)
    return decord


@contextlib.contextmanager
def loading_tensors_only(known: Sequence[Any], check: Callable[[Any], None]) -> Iterator[None]:
    """Let ``torch.load`` read tensors and plain values only, whatever its caller asks for.

    pyannote.audio 4 loads its models with ``weights_only=False`` (``core/model.py``), which runs the code in a file,
    and has no setting for it. What any other thread loads meanwhile is read in the same way.

    Args:
        known: types that are read beside tensors.
        check: is called with what was read, and may raise.
    """
    import torch

    load = torch.load

    def tensors_only(*args: Any, **options: Any) -> Any:
        found = load(*args, **{**options, "weights_only": True})
        check(found)
        return found

    with _LOADING_TENSORS, torch.serialization.safe_globals(list(known)):
        torch.load = tensors_only
        try:
            yield
        finally:
            torch.load = load


@contextlib.contextmanager
def without_xnnpack_banner() -> Iterator[None]:
    """Remove one line that LiteRT prints to standard error, "Created TensorFlow Lite XNNPACK delegate for CPU".

    LiteRT 2 has no setting for it, and without XNNPACK it is four times slower. Whatever else is written to
    standard error meanwhile follows afterwards.
    """
    with _LOADING_LITERT, tempfile.TemporaryFile() as written:
        try:
            real = os.dup(_STDERR)
        except OSError:  # there is no standard error
            yield
            return
        os.dup2(written.fileno(), _STDERR)
        try:
            yield
        finally:
            os.dup2(real, _STDERR)
            os.close(real)
            written.seek(0)
            for line in written:
                if b"XNNPACK delegate" not in line:
                    os.write(_STDERR, line)


@contextlib.contextmanager
def without_pyannote_warnings() -> Iterator[None]:
    """Import or load pyannote without two notices that no user can act on.

    pyannote.audio 4 warns that torchcodec finds no FFmpeg (audio is decoded by PyAV here), and Lightning that the
    checkpoint inside WhisperX's wheel is of an older version (it is upgraded in memory).
    """
    log = logging.getLogger("lightning.pytorch.utilities.migration.utils")
    level = log.level
    log.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r"\s*torchcodec is not installed correctly", category=UserWarning)
            yield
    finally:
        log.setLevel(level)


@contextlib.contextmanager
def without_whisperx_notices() -> Iterator[None]:
    """Import WhisperX and load its pipeline without its writing to standard output, where ``--json`` results go.

    ``whisperx.log_utils.get_logger`` attaches a handler for standard output to the logger "whisperx" on import, at
    INFO. Its warnings ("Audio is shorter than 30s", "Failed to align segment") need no action, and quote what was said:
    from here on only its errors are logged. ``whisperx.asr.load_model`` prints "Use manually assigned vad_model", which
    has no setting.
    """
    logging.getLogger("whisperx").setLevel(logging.ERROR)
    with contextlib.redirect_stdout(_WithoutVadNotice(sys.stdout)):
        yield


class _WithoutVadNotice(io.TextIOBase):
    """A text stream that passes on everything but WhisperX's notice of its voice activity model."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._skips_newline = stream, False

    def write(self, text: str) -> int:
        """Write all but the notice, and the newline that ``print`` writes after it."""
        is_notice = text.startswith("Use manually assigned vad_model")
        if not is_notice and not (self._skips_newline and text == "\n"):
            self._stream.write(text)
        self._skips_newline = is_notice and not text.endswith("\n")
        return len(text)

    def flush(self) -> None:
        """Flush the stream."""
        self._stream.flush()


@contextlib.contextmanager
def ray_without_network() -> Iterator[None]:
    """Let ``ray.init`` start a cluster that opens no connection beyond this machine.

    Ray 2.60 asks by which interface a public name server would be reached, except with the variable below, which is
    there for other systems. Its API server, which it starts without the dashboard too, asks the metadata services of
    cloud providers where it runs, whether or not usage is reported (``ray/_common/usage/usage_lib.py``); nothing here
    needs that server.
    """
    from ray._private import ray_constants, services

    name = (
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"  # read in this process when Ray was imported, in its others when they start
    )
    before = os.environ.get(name), ray_constants.ENABLE_RAY_CLUSTER, services.start_api_server
    os.environ[name], ray_constants.ENABLE_RAY_CLUSTER = "0", False
    services.start_api_server = lambda *_, **__: (None, None)
    try:
        yield
    finally:
        os.environ.pop(name)
        if before[0] is not None:
            os.environ[name] = before[0]
        ray_constants.ENABLE_RAY_CLUSTER, services.start_api_server = before[1:]


def refuse_model_code(folder: Path) -> None:
    """Refuse a model's folder with code that transformers would run.

    From version 4.54 on, ``from_pretrained`` imports ``custom_generate/generate.py`` of a local folder, whatever
    ``trust_remote_code`` says (``transformers/generation/utils.py``).

    Raises:
        ModelError: there is such code.
    """
    if (folder / "custom_generate").exists():
        raise ModelError(
            "the model's folder holds code of its own (custom_generate)",
            "Remove that folder if you know the model; OmniSense runs no code that comes with a model.",
            folder,
        )


def disable_telemetry() -> None:
    """Keep the libraries from reporting usage over the network.

    The package calls this when it is imported: the variables are read when the libraries are imported, and switching
    off afterwards comes too late. A variable that is set already is kept. pyannote.audio 4 sends metrics
    (``pyannote/audio/telemetry``), onnxruntime 1.32 telemetry with a device id that it stores on disk, and
    huggingface_hub tells the hub about the environment; Ray and vLLM report usage, and W&B its own errors.
    LangSmith traces LangGraph's runs, prompts included, only where the environment requests it. With
    ``OMNISENSE_OFFLINE`` none of them does, whatever the environment says, and W&B keeps its runs on this machine.
    """
    off = {
        "PYANNOTE_METRICS_ENABLED": "0",
        "ORT_DISABLE_TELEMETRY": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "RAY_USAGE_STATS_ENABLED": "0",
        "VLLM_NO_USAGE_STATS": "1",
        "WANDB_ERROR_REPORTING": "false",
    }
    for name, value in off.items():
        os.environ.setdefault(name, value)
    if os.environ.get("OMNISENSE_OFFLINE"):
        os.environ.update(
            off | dict.fromkeys(_TRACING_VARIABLES, "false") | {"HF_HUB_OFFLINE": "1", "WANDB_MODE": "offline"}
        )


def set_library_defaults() -> None:
    """Set the libraries' own log levels so that their notices stay out of the command's output.

    The variables are read when the libraries are imported, so the command calls this first; a variable that is already
    set is kept. Python warnings go to the log, see :mod:`omnisense.logging`.
    """
    for name, value in {
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "GLOG_minloglevel": "3",
        "TRANSFORMERS_VERBOSITY": "error",
        "TOKENIZERS_PARALLELISM": "false",  # else it warns in every process that forks after tokenizing
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    }.items():
        os.environ.setdefault(name, value)
