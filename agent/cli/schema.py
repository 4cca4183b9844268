"""``omnisense schema``: JSON Schemas of the command's output."""

from __future__ import annotations

import json

import click

from omnisense.agent.schemas import SCHEMAS, schema_of


@click.command("schema")
@click.argument("name", type=click.Choice(list(SCHEMAS)), required=False)
def schema_command(name: str | None) -> None:
    """Print the JSON Schema of an output; without a name, list the schemas.

    \b
    Examples:
      omnisense schema
      omnisense schema respond > respond.schema.json
    """
    if name:
        click.echo(json.dumps(schema_of(name), indent=2, ensure_ascii=False))
        return
    for known, description in SCHEMAS.items():
        click.echo(f"{known:<10} {description}")
