"""``omnisense models``: list, download and locate models."""

from __future__ import annotations

import click

from omnisense.agent.cli.options import JSON, make_console, print_json, print_status


@click.group("models")
def models_group() -> None:
    """List, download and locate models."""


@models_group.command("list")
@JSON
def list_command(as_json: bool) -> None:
    """List the models that have a short name."""
    from omnisense import models

    rows = [
        {
            "name": name,
            "role": spec.role,
            "source": spec.source,
            "license": spec.license,
            "description": spec.description,
            "path": str(found) if (found := models.find(name)) else None,
        }
        for name, spec in models.list_models().items()
    ]
    if as_json:
        print_json(rows)
        return
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    for column in ("name", "role", "local", "source"):
        table.add_column(column, overflow="fold")
    for row in rows:
        table.add_row(row["name"], row["role"], "yes" if row["path"] else "no", row["source"])
    make_console().print(table)


@models_group.command("pull")
@click.argument("names", nargs=-1, required=True, metavar="NAME...")
def pull_command(names: tuple[str, ...]) -> None:
    """Download models and print their folders.

    NAME is a listed name, a hub id, or `default` for all models that the offline demo needs.

    \b
    Examples:
      omnisense models pull default
      omnisense models pull Qwen/Qwen2.5-0.5B-Instruct
    """
    from omnisense import models

    for name in (n for given in names for n in (models.DEFAULTS if given == "default" else [given])):
        click.echo(models.fetch(name, print_status))


@models_group.command("path")
@click.argument("name")
def path_command(name: str) -> None:
    """Print the folder of a downloaded model."""
    from omnisense import models
    from omnisense.errors import ModelError

    found = models.find(name)
    if found is None:
        raise ModelError(f"model '{name}' is not on this machine", f"Run `omnisense models pull {name}`.")
    click.echo(found)
