"""What users install: the wheel and the sdist hold every file, and type checkers follow an editable install."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.conftest import REPOSITORY

pytestmark = pytest.mark.subprocess

FOLDERS = ("omnisense", "agent", "benchmarks", "perception", "reasoning", "rl")


def expected_files():
    """Modules and data files in the source tree, as paths inside the package; ``results`` are records of runs."""
    for folder in FOLDERS:
        for path in (REPOSITORY / folder).rglob("*"):
            parts = path.relative_to(REPOSITORY).parts
            hidden = any(part.startswith((".", "__pycache__")) or part == "results" for part in parts)
            if path.is_file() and not hidden:
                yield "/".join(parts if folder == "omnisense" else ("omnisense", *parts))


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """The Python of an empty environment that has the build back end and nothing else."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / ("Scripts/python.exe" if sys.platform == "win32" else "bin/python")
    pip("install", "setuptools>=77", python=python)
    return python


def pip(*arguments, python):
    command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", python, *arguments]
    subprocess.run(command, check=True)


@pytest.fixture(scope="module")
def checkout(tmp_path_factory):
    """A copy of the repository: building leaves files behind."""
    folder = tmp_path_factory.mktemp("checkout") / "omnisense"
    unwanted = shutil.ignore_patterns(".*", "__pycache__", "*.egg-info", "build", "dist", "results", "runs", "tests")
    shutil.copytree(REPOSITORY, folder, symlinks=True, ignore=unwanted)
    return folder


def build(kind, source, output, python):
    """Build ``kind`` ("sdist" or "wheel") with the back end, as any front end does, and return its path."""
    code = f"import sys; from setuptools.build_meta import build_{kind}; build_{kind}(sys.argv[1])"
    subprocess.run([python, "-c", code, output], cwd=source, check=True, stdout=subprocess.DEVNULL)
    return next(output.glob("*.whl" if kind == "wheel" else "*.tar.gz"))


def test_the_wheel_has_every_file_and_the_sdist_builds_the_same_wheel(checkout, environment, tmp_path):
    wheel = build("wheel", checkout, tmp_path / "wheel", environment)
    names = set(zipfile.ZipFile(wheel).namelist())
    packaged = {name for name in names if ".dist-info/" not in name}
    assert sorted(set(expected_files()) - packaged) == []
    assert sorted(packaged - set(expected_files())) == []

    sdist = build("sdist", checkout, tmp_path / "sdist", environment)
    with tarfile.open(sdist) as archive:
        assert [member.name for member in archive if member.issym()] == []  # packages are found through links
        archive.extractall(tmp_path, filter="data")
    again = build("wheel", next(tmp_path.glob("omnisense-*")), tmp_path / "again", environment)
    assert again.name == wheel.name
    assert set(zipfile.ZipFile(again).namelist()) == names


SCRIPT = """
import omnisense

reveal_type(omnisense.perceive("clip.mp4"))
reveal_type(omnisense.open_clip("clip.mp4").duration_s)
reveal_type(omnisense.__version__)
reveal_type(omnisense.Agent)
omnisense.perceive("clip.mp4").no_such_attribute
"""


def test_type_checkers_follow_an_editable_install(checkout, environment, tmp_path):
    """As ``pip install -e .`` leaves it. Dependencies are left out, which only saves time."""
    pip("install", "--no-deps", "--no-build-isolation", "--editable", str(checkout), python=environment)
    script = tmp_path / "user_script.py"
    script.write_text(SCRIPT)
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--python-executable", environment, "--cache-dir",
         tmp_path / "cache", script.name],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    revealed = [line.split('"')[1] for line in done.stdout.splitlines() if "Revealed type" in line]
    assert revealed[:2] == ["omnisense.perception.percepts.Percepts", "float"], done.stdout
    assert revealed[2] == "str"
    assert "-> omnisense.agent.agent.Agent" in revealed[3]
    errors = [line for line in done.stdout.splitlines() if ": error:" in line]
    assert len(errors) == 1, done.stdout
    assert '"Percepts" has no attribute "no_such_attribute"' in errors[0]


def test_the_links_are_links():
    """A checkout without symlinks (Windows without ``core.symlinks``) has text files in their place."""
    for folder in FOLDERS[1:]:
        assert (REPOSITORY / "omnisense" / folder).resolve() == Path(REPOSITORY / folder).resolve()


_LEAN = """
import sys
from omnisense import Agent, Perception, ScriptedPolicy
print(Agent(ScriptedPolicy(["Well done!"]), memory=None).respond(text="I passed my exam!").response)
print(Perception(cache=False).perceive(sys.argv[1]).missing())
assert "torch" not in sys.modules
"""


@pytest.mark.slow
@pytest.mark.models
def test_the_lean_installation_answers_and_says_what_is_missing(checkout, tmp_path):
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "lean"], check=True)
    python = tmp_path / "lean" / "bin" / "python"
    pip("install", "-r", REPOSITORY / "requirements-lean.txt", python=python)
    pip("install", "--no-deps", checkout, python=python)
    command = [python, "-c", _LEAN, REPOSITORY / "agent" / "demo.mp4"]
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
    said, missing = done.stdout.splitlines()[-2:]
    assert said == "Well done!"
    assert set(eval(missing)) == {"audio", "transcript"}
    assert "needs a package that is not installed: torch" in missing
    megabytes = sum(f.stat().st_size for f in (tmp_path / "lean").rglob("*") if f.is_file()) / 1e6
    assert megabytes < 1500  # a complete installation takes 9 GB
    subprocess.run([python.parent / "omnisense", "--version"], check=True, capture_output=True)
