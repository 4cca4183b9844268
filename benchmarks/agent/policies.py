"""The policies that are measured: any by name, a trained tiny one, and models behind a server of this process."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from omnisense.benchmarks.agent import omni
from omnisense.errors import InputError
from omnisense.reasoning.policies.base import DEFAULT_POLICY, Policy
from omnisense.reasoning.policies.load import DEFAULT_ADAPTER, load_policy, resolve_adapter
from omnisense.reasoning.policies.serve import serve_policy
from omnisense.testing.tiny_models import tiny_text

SERVED = "served:"
_TINY = "tiny"
DEFAULTS = (DEFAULT_POLICY, f"{SERVED}{DEFAULT_POLICY}", f"{SERVED}{_TINY}", omni.NAME)
_WITHOUT_ADAPTER = "+none"


@contextmanager
def loaded(name: str, data: Path, state: Path) -> Iterator[Policy]:
    """Load a policy for a while.

    Args:
        name: as :func:`omnisense.load_policy` takes it, with ``+none`` behind it to leave out the adapter that comes
            with it; ``served:NAME`` for the same model behind an OpenAI-compatible server; ``served:tiny`` for a tiny
            one with random weights; or :data:`omnisense.benchmarks.agent.omni.NAME`.
        data: what the trained model is trained on.
        state: where models are kept that are made here.

    Raises:
        ModelError, InputError: there is no such model, or langchain-openai is not installed for a served one.
    """
    if name == omni.NAME:
        yield load_policy(str(omni.trained_omni(data, state / "omni")))
    elif name.startswith(SERVED):
        model = name.removeprefix(SERVED)
        if model == _TINY:
            model = str(state / "tiny_text")
            if not Path(model, "config.json").is_file():
                tiny_text(Path(model))
        with serve_policy(_load(model)) as server:
            yield _chat_policy(server.url, model)
    else:
        yield _load(name)


def label_of(name: str) -> str:
    """Return what a policy is called in the results: with the adapter that it has, and by a file's name alone."""
    served, _, model = name.rpartition(SERVED)
    prefix = SERVED if served or name.startswith(SERVED) else ""
    if model in (omni.NAME, _TINY):
        return prefix + model
    base, adapter = _parted(model)
    shown = Path(base).name if Path(base).exists() else base
    found = resolve_adapter(base, adapter)
    return f"{prefix}{shown}" + (f"+{Path(found).name}" if found else "")


def _load(name: str) -> Policy:
    base, adapter = _parted(name)
    return load_policy(base, adapter=adapter)


def _parted(name: str) -> tuple[str, str]:
    """Return a policy's name and its adapter."""
    if name.endswith(_WITHOUT_ADAPTER):
        return name.removesuffix(_WITHOUT_ADAPTER), "none"
    return name, DEFAULT_ADAPTER


def _chat_policy(url: str, model: str) -> Policy:
    from omnisense.reasoning.policies.chat_model import ChatModelPolicy

    try:
        from langchain_openai import ChatOpenAI
    except ImportError as error:
        raise InputError("langchain-openai is not installed", "Run `pip install 'omnisense[openai]'`.") from error
    settings: dict[str, Any] = {"model": model, "base_url": url, "api_key": "none"}
    return ChatModelPolicy(ChatOpenAI(**settings), max_concurrency=1)


def file_name(name: str) -> str:
    """Return a policy's name as that of a file."""
    return re.sub(r"[^A-Za-z0-9.]+", "-", name).strip("-")
