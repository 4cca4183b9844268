"""The documentation is true: its code runs, its figures exist, its links lead somewhere, nothing public is missing."""

import contextlib
import html
import importlib.util
import io
import re
import runpy
import shlex
import shutil
import subprocess
import sys
import tomllib

import click
import pytest

import omnisense
from omnisense.agent.cli.main import cli
from tests.conftest import REPOSITORY

PAGES = sorted([REPOSITORY / "README.md", *(REPOSITORY / "docs").rglob("*.md")])
NOTEBOOKS = sorted((REPOSITORY / "docs" / "notebooks").glob("*.py"))
BLOCK = re.compile(
    r"(?P<mark><!-- not run: [^\n]+ -->\n)?^```[ ]?(?P<language>\w*)[^\n]*\n(?P<code>.*?)^```$", re.M | re.S
)
RUN = ("python", "sh")


def blocks(page):
    return [match for match in BLOCK.finditer(page.read_text("utf-8")) if not match["mark"]]


def code_of(page, language):
    return [match["code"] for match in blocks(page) if match["language"] == language]


def pages_with(language):
    return [page for page in PAGES if code_of(page, language)]


def name(page):
    return str(page.relative_to(REPOSITORY))


@pytest.fixture(scope="module")
def shared_home(tmp_path_factory):
    """One cache of percepts for all pages, since all show the same clip."""
    from omnisense.files import home_dir

    home = tmp_path_factory.mktemp("docs_home")
    (home / "models").symlink_to(home_dir() / "models")
    return home


@pytest.fixture
def with_clip(shared_home, own_home, tmp_path, monkeypatch):
    monkeypatch.setenv("OMNISENSE_HOME", str(shared_home))
    shutil.copyfile(REPOSITORY / "agent" / "demo.mp4", tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.models
@pytest.mark.parametrize("page", pages_with("python"), ids=name)
def test_python_on_a_page_runs(page, with_clip):
    namespace = {"__name__": "__main__"}
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        for number, code in enumerate(code_of(page, "python"), 1):
            exec(compile(code, f"{name(page)}, block {number}", "exec"), namespace)
    if "print(" in "".join(code_of(page, "python")):
        assert printed.getvalue().strip()


@pytest.mark.models
@pytest.mark.parametrize("page", pages_with("sh"), ids=name)
def test_commands_on_a_page_run(page, with_clip, run_cli):
    for code in code_of(page, "sh"):
        for line in code.replace("\\\n", " ").splitlines():
            program, *arguments = shlex.split(line, comments=True)
            assert program == "omnisense", f"say why this is not run: {line}"
            done = run_cli(*arguments)
            assert done.returncode == 0, f"{line}\n{done.stderr}"


def commands_on(page):
    """Yield the words of every command that a page or recipe names, in blocks, tables and sentences, run or not."""
    text = page.read_text("utf-8").replace("\\\n", " ")
    found = re.findall(r"[`(]((?:omnisense [a-z]|python -m omnisense)[^`)]*)[`)]", text)
    for block in [match["code"] for match in BLOCK.finditer(text)] or [text]:
        found += re.findall(r"(?:^| - |do )((?:omnisense [a-z]|python -m omnisense)[^;\n]*)", block, re.M)
    for line in found:
        yield shlex.split(re.split(r"[;>|(]|&&|'\)", line)[0], comments=True)


def unknown_words(words):
    """Yield the commands and options of ``omnisense`` that do not exist."""
    command, context = cli, click.Context(cli)
    for word in words:
        if word.startswith("-"):
            if word.partition("=")[0] not in {"--help", *(option for p in command.params for option in p.opts)}:
                yield f"{command.name} {word}"
        elif isinstance(command, click.Group) and word.islower():
            command = command.get_command(context, word)
            if command is None:
                yield word
                return


@pytest.mark.parametrize("page", [*PAGES, *sorted((REPOSITORY / "rl" / "recipes").glob("*.yaml"))], ids=name)
def test_every_command_that_a_page_or_recipe_names_exists(page):
    for words in commands_on(page):
        if words[0] == "omnisense":
            assert list(unknown_words(words[1:])) == [], words
        else:
            assert importlib.util.find_spec(words[2]), words


def test_the_messages_under_troubleshooting_are_said():
    page = (REPOSITORY / "docs" / "troubleshooting.md").read_text("utf-8")
    first_cells = re.findall(r"^\| (`[^|]+) \|", page, re.M)
    layers = [REPOSITORY / name for name in ("omnisense", "agent", "rl", "benchmarks", "reasoning", "perception")]
    source = " ".join(file.read_text("utf-8") for layer in layers for file in layer.rglob("*.py"))
    source = re.sub(r'"\s+f?"|\{[^{}]*\}', "", source)  # one text over several lines, and what is put into it
    for message in re.findall(r"`([^`]+)`", " ".join(first_cells)):
        if not message.startswith(("Failed building", "CMAKE_")):  # pip's and CMake's
            for piece in re.split(r"'[^']*'|\.\.\.|\bN\b", message):
                assert piece.strip(" ,") in source, message


@pytest.mark.models
@pytest.mark.networks
@pytest.mark.parametrize(
    "notebook",
    [pytest.param(file, marks=pytest.mark.slow if "train" in file.stem else ()) for file in NOTEBOOKS],
    ids=lambda file: file.stem,
)
def test_a_notebook_runs(notebook, with_clip, monkeypatch):
    monkeypatch.setenv("MPLBACKEND", "Agg")
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        runpy.run_path(str(notebook), run_name="__main__")
    assert printed.getvalue().strip()


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.subprocess
@pytest.mark.timeout(1200)  # one of them trains
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda file: file.stem)
def test_jupyter_runs_a_notebook(notebook, with_clip):
    jupytext, nbclient = (pytest.importorskip(module) for module in ("jupytext", "nbclient"))
    cells = jupytext.read(notebook)
    nbclient.NotebookClient(cells, timeout=1100, kernel_name="python3").execute(cwd=str(with_clip))
    shown = [output for cell in cells.cells if cell.cell_type == "code" for output in cell.outputs]
    assert any(output.output_type == "stream" for output in shown)
    if "explore" in notebook.stem:
        assert any("image/png" in output.get("data", {}) for output in shown)


@pytest.mark.slow
@pytest.mark.models
@pytest.mark.subprocess
def test_the_page_shows_what_its_code_prints(shared_home, own_home, monkeypatch):
    monkeypatch.setenv("OMNISENSE_HOME", str(shared_home))
    made = runpy.run_path(str(REPOSITORY / "scripts" / "make_images.py"))
    page = made["PRINTING"][0]
    shown = (REPOSITORY / "docs" / "outputs" / f"{page.stem}.txt").read_text("utf-8")
    number = re.compile(r"\d+(\.\d+)?")  # the last digit may differ between processors
    assert number.sub("#", made["printed_by"](page)) == number.sub("#", shown), "run scripts/make_images.py"


@pytest.mark.slow
@pytest.mark.models
def test_the_picture_of_the_terminal_says_what_the_command_says(with_clip, run_cli):
    """Each line of the picture is in the output, wherever that breaks its lines."""
    drawn = re.findall(r"<text [^>]*>([^<]*)</text>", (REPOSITORY / "docs" / "demo.svg").read_text("utf-8"))
    words = [html.unescape(text).replace("\xa0", " ").strip(" ╭─╮│╰╯") for text in drawn]
    done = run_cli("demo")
    said = re.sub(r"[\s│]+", " ", done.stdout)
    missing = [text for text in words if text and " ".join(text.split()) not in said]
    # Steps of a turn whose percepts are cached are not printed; the path is that of the installation.
    allowed = ("omnisense demo", "Demo clip:", "+ looked", "+ read the words", "+ listened")
    assert [text for text in missing if not text.startswith(allowed)] == []


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_picture_says_in_words_what_it_shows(page):
    shown = re.findall(r"!\[([^\]]*)\]\(([^)]+)\)", page.read_text("utf-8"))
    for text, file in shown:
        assert len(text.split()) >= 3, file
        assert (page.parent / file).is_file(), file


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_every_block_of_code_is_run_or_says_why_not(page):
    for match in BLOCK.finditer(page.read_text("utf-8")):
        assert match["language"] in (*RUN, "text", "bibtex", "json", "toml", "yaml"), match[0][:100]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("zensical", reason="the extra `docs` is not installed")
    folder = tmp_path_factory.mktemp("site")
    made = subprocess.run(
        [sys.executable, REPOSITORY / "scripts" / "docs.py", "--output", folder],
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip
    assert made.returncode == 0, made.stdout + made.stderr  # a broken link or anchor, a figure that is gone
    return folder


@pytest.mark.subprocess
def test_the_site_fetches_nothing(site):
    fetched = re.compile(r"""<(?:script|link|img)\b[^>]*?\b(?:src|href)=["']?(https?:|//)""")
    for page in site.rglob("*.html"):
        assert not fetched.search(page.read_text("utf-8")), page


@pytest.mark.subprocess
def test_the_reference_has_every_public_name(site):
    page = (site / "reference" / "python" / "index.html").read_text("utf-8")
    missing = [n for n in omnisense.__all__ if n != "__version__" and f'id="omnisense.{n}"' not in page]
    assert not missing


def test_the_readme_is_made_from_the_results_that_are_committed():
    made = runpy.run_path(str(REPOSITORY / "scripts" / "docs.py"))["readme"]()
    assert made == (REPOSITORY / "README.md").read_text("utf-8"), "run `python scripts/docs.py --readme`"


def test_every_page_is_in_the_navigation():
    listed = str(tomllib.loads((REPOSITORY / "zensical.toml").read_text())["project"]["nav"])
    for page in (REPOSITORY / "docs").rglob("*.md"):
        assert f"'{page.relative_to(REPOSITORY / 'docs')}'" in listed, page
