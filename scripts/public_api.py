"""Print every public name of ``omnisense`` with its signature: ``python scripts/public_api.py > docs/public_api.txt``.

The committed file is what a release promises. ``tests/omnisense/test_public_api.py`` compares it with the code: no
signature changes unnoticed. CONTRIBUTING.md says what may change when.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from typing import Any

import omnisense


def public_api() -> str:
    """Return a line for each public name and each public method of it, sorted."""
    return (
        "\n".join(line for name in sorted(omnisense.__all__) for line in _lines(name, getattr(omnisense, name))) + "\n"
    )


def _lines(name: str, thing: Any) -> Iterator[str]:
    if inspect.isclass(thing):
        yield f"class {name}{_signature(thing)}"
        for method, member in sorted(vars(thing).items()):
            if method.startswith("_"):
                continue
            if isinstance(member, property):
                yield f"  {name}.{method}: {member.fget and inspect.signature(member.fget).return_annotation}"
            elif callable(getattr(thing, method)):
                yield f"  {name}.{method}{_signature(getattr(thing, method))}"
    elif callable(thing):
        yield f"{name}{_signature(thing)}"
    else:
        yield name


def _signature(thing: Any) -> str:
    try:
        return str(inspect.signature(thing)).replace("'", "")
    except ValueError:  # of a class that is written in C
        return "(...)"


if __name__ == "__main__":
    print(public_api(), end="")
