"""Build the documentation site: ``python scripts/docs.py [--output build/site]``.

The pages in ``docs/`` are Markdown with a few Jinja2 expressions, so that no figure, help or example is typed twice:
they are read from the committed result files, the command and ``examples/``. The pages are rendered to ``build/docs``,
from which Zensical makes the site. Nothing is fetched, and a broken link or anchor fails the build.

``python scripts/docs.py --readme`` writes ``README.md`` from ``docs/readme.jinja``.
"""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import jinja2

ROOT = Path(__file__).resolve().parents[1]
PAGES = ROOT / "docs"
_ASSETS = ("*.svg", "*.png", "*.css", "*.json")


def value(file: str, *path: str | int, form: str = "") -> str:
    """Return a figure out of a JSON file of results.

    Args:
        file: relative to the repository.
        path: keys and positions that lead to it.
        form: a format specification, such as ``.2f``; by default as it is in the file.

    Raises:
        KeyError, IndexError: there is no such figure.
    """
    found: Any = json.loads((ROOT / file).read_text("utf-8"))
    for key in path:
        found = found[key]
    return format(found, form)


def setting(path: str, unit: float = 1.0) -> str:
    """Return a number from the code: a module's constant, or the default of a setting.

    Args:
        path: ``module:NAME`` or ``module:Class.field``.
        unit: what the number is divided by, such as 60 for minutes out of seconds.

    Raises:
        AttributeError, KeyError: there is no such name.
    """
    module, _, name = path.partition(":")
    owner, _, field = name.partition(".")
    found = getattr(importlib.import_module(module), owner)
    if field:
        fields = getattr(found, "model_fields", None)  # pydantic's
        found = fields[field].default if fields else getattr(found, field)
    return f"{found / unit:,g}"


def text_of(file: str) -> str:
    """Return a Markdown file of the repository."""
    return _unlinked((ROOT / file).read_text("utf-8"))


def _unlinked(text: str) -> str:
    """Return Markdown without its links to files of the repository, which are no pages of the site."""
    return re.sub(r"\[([^\]]+)\]\((?!https?://)[^)]*\)", r"\1", text)


def table(file: str, number: int = 0, rows: str = "", columns: tuple[str, ...] = ()) -> str:
    """Return a table of a Markdown file.

    Args:
        file: relative to the repository.
        number: which table of the file, from 0.
        rows: only rows that hold this text are kept.
        columns: names of those to keep; by default all.

    Raises:
        IndexError: the file has fewer tables.
        ValueError: there is no such column, or no row is left.
    """
    lines = list(_tables((ROOT / file).read_text("utf-8")))[number]
    head, _, *body = [_cells(line) for line in lines]
    keep = [head.index(name) for name in columns] or list(range(len(head)))
    chosen = [row for row, line in zip(body, lines[2:], strict=True) if rows in line]
    if not chosen:
        raise ValueError(f"no row of table {number} in {file} holds '{rows}'")
    shown = [head, ["---"] * len(head), *chosen]
    return _unlinked("\n".join("| " + " | ".join(row[k] for k in keep) + " |" for row in shown))


def cell(file: str, number: int, row: str, column: str, second: str = "") -> str:
    """Return one cell of a table of a Markdown file.

    Args:
        file: relative to the repository.
        number: which table of the file, from 0.
        row: the row's first cell.
        column: its name.
        second: the row's second cell, where the first does not tell it.

    Raises:
        ValueError: there is no such cell.
    """
    head, _, *body = [_cells(line) for line in list(_tables((ROOT / file).read_text("utf-8")))[number]]
    for cells in body:
        if cells[0].startswith(row) and second in ("", cells[1]):
            return cells[head.index(column)]
    raise ValueError(f"table {number} in {file} has no row '{row}'")


def _tables(text: str) -> Iterator[list[str]]:
    rows: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("|"):
            rows.append(line)
        elif rows:
            yield rows
            rows = []


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in re.split(r"(?<!\\)\|", line.strip().strip("|"))]


def example(name: str) -> str:
    """Return a file of ``examples/`` as a block of code; the tests of the examples run it."""
    text = (ROOT / "examples" / name).read_text("utf-8").strip()
    return f'``` {{ .python title="examples/{name}" }}\n{text}\n```'


def output(name: str) -> str:
    """Return what a page's code or an example prints (``scripts/make_images.py`` writes it) as a block of text."""
    return f"```text\n{(PAGES / 'outputs' / name).read_text('utf-8').strip()}\n```"


def notebook(name: str) -> str:
    """Return a notebook of ``docs/notebooks/`` (Jupytext's percent format) as Markdown; the tests run it."""
    text = (PAGES / "notebooks" / name).read_text("utf-8")
    parts = []
    for cell in re.split(r"^# %%", text, flags=re.M)[1:]:
        kind, _, body = cell.partition("\n")
        if "[markdown]" in kind:
            parts.append(re.sub(r"^# ?", "", body.strip(), flags=re.M))
        else:
            parts.append(f"``` {{ .python }}\n{body.strip()}\n```")
    return "\n\n".join(parts)


def commands() -> str:
    """Return the help of every command of ``omnisense``."""
    from omnisense.agent.cli.main import cli

    return "\n\n".join(_help(cli, "omnisense", None))


def _help(command: click.Command, name: str, parent: click.Context | None) -> Iterator[str]:
    context = click.Context(command, info_name=name.rpartition(" ")[2], parent=parent, terminal_width=100)
    yield f"## {name}\n\n```text\n{command.get_help(context).strip()}\n```"
    if isinstance(command, click.Group):
        for sub in command.list_commands(context):
            child = command.get_command(context, sub)
            if child is not None and not child.hidden:
                yield from _help(child, f"{name} {sub}", context)


def public_names() -> str:
    """Return the reference of every public name of ``omnisense``, sorted."""
    import omnisense

    return "\n\n".join(f"::: omnisense.{name}" for name in sorted(omnisense.__all__) if name != "__version__")


def models() -> str:
    """Return the listed models as a table."""
    from omnisense.model_list import list_models

    rows = [f"| `{m.name}` | {m.role} | {m.description} | {m.license} |" for m in list_models().values()]
    return "\n".join(["| name | role | what it is | licence |", "| --- | --- | --- | --- |", *rows])


def readme() -> str:
    """Return the text of ``README.md``."""
    return _environment().get_template("readme.jinja").render()


def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PAGES), undefined=jinja2.StrictUndefined, keep_trailing_newline=True
    )
    helpers = (value, setting, text_of, table, cell, example, output, notebook, commands, public_names, models)
    environment.globals |= {helper.__name__: helper for helper in helpers}
    return environment


def render(output: Path) -> None:
    """Render all pages to a folder.

    Args:
        output: it is made anew.

    Raises:
        jinja2.TemplateError, KeyError, ValueError: a page asks for something that does not exist.
    """
    shutil.rmtree(output, ignore_errors=True)
    environment = _environment()
    for page in sorted(PAGES.rglob("*.md")):
        target = output / page.relative_to(PAGES)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(environment.get_template(page.relative_to(PAGES).as_posix()).render(), "utf-8")
    for pattern in _ASSETS:
        for file in PAGES.rglob(pattern):
            target = output / file.relative_to(PAGES)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


@click.command()
@click.option("--output", type=click.Path(path_type=Path, file_okay=False), default=ROOT / "build" / "site")
@click.option("--readme", "only_readme", is_flag=True, help="Write README.md only.")
def main(output: Path, only_readme: bool) -> None:
    """Render the pages, and build the site from them."""
    if only_readme:
        (ROOT / "README.md").write_text(readme(), "utf-8")
        return
    render(ROOT / "build" / "docs")
    command = [sys.executable, "-m", "zensical", "build", "--strict", "--clean", "-f", str(ROOT / "zensical.toml")]
    if subprocess.run(command, cwd=ROOT).returncode:
        raise SystemExit(1)
    made = ROOT / "build" / "site"
    if output.resolve() != made:
        shutil.copytree(made, output, dirs_exist_ok=True)
    click.echo(f"the site is in {output}: open {output / 'index.html'}")


if __name__ == "__main__":
    main()
