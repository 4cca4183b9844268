"""The shape of the package: what is in the wheel, what is imported when, and who may know whom."""

import ast
import pickle
import subprocess
import sys
import zipfile

import pytest

import omnisense
from omnisense.errors import MediaError
from tests.conftest import REPOSITORY

FLOORS = {"perception": 1, "reasoning": 2, "benchmarks": 3, "rl": 3, "agent": 4}


def sources():
    for folder in ("omnisense", *FLOORS):
        yield from (REPOSITORY / folder).rglob("*.py")


def imports_of(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            yield node.module, node.col_offset == 0
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.col_offset == 0
        elif isinstance(node, ast.Import):
            for alias in node.names:
                yield alias.name, node.col_offset == 0


def test_dependencies_point_down():
    for path in sources():
        mine = FLOORS.get(path.relative_to(REPOSITORY).parts[0], 0)
        for module, _ in imports_of(path):
            parts = module.split(".")
            if parts[0] != "omnisense" or len(parts) < 2 or (path.name == "__init__.py" and mine == 0):
                continue
            theirs = FLOORS.get(parts[1], 0)
            if "benchmarks" in path.parts and parts[1] == "agent":
                assert "speed" in path.parts, f"{path} imports {module}"
                continue
            assert theirs <= mine, f"{path} imports {module}, which is above it"


def test_product_code_never_reads_the_shared_folder():
    for path in sources():
        assert "../shared" not in path.read_text(), path


def test_every_folder_is_in_the_wheel(tmp_path):
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", tmp_path, REPOSITORY], check=True
    )
    names = zipfile.ZipFile(next(tmp_path.glob("*.whl"))).namelist()
    for init in REPOSITORY.rglob("__init__.py"):
        parts = init.relative_to(REPOSITORY).parts
        if parts[0] in ("tests", "build", ".venv"):
            continue
        inside = "/".join(parts if parts[0] == "omnisense" else ("omnisense", *parts))
        assert inside in names
    for wanted in ("omnisense/py.typed", "omnisense/models.toml", "omnisense/agent/demo.mp4",
                   "omnisense/benchmarks/harness/report.html.j2",
                   "omnisense/benchmarks/humansense/published.csv"):  # fmt: skip
        assert wanted in names
    assert not [name for name in names if name.startswith(("agent/", "rl/", "tests/"))]


@pytest.mark.parametrize(
    "code",
    [
        "import omnisense",
        "import omnisense.agent.cli.main",
        "from omnisense.agent.cli.main import cli; cli.main(['--help'], standalone_mode=False)",
    ],
)
def test_nothing_heavy_is_imported_at_the_start(code):
    heavy = [
        "torch",
        "transformers",
        "whisperx",
        "trl",
        "cv2",
        "decord",
        "av",
        "langgraph",
        "numpy",
        "onnxruntime",
        "pydantic",
        "rich",
    ]
    check = f"{code}\nimport sys\nprint([m for m in {heavy} if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_public_names():
    for name in omnisense.__all__:
        assert getattr(omnisense, name) is not None
    assert "Agent" in dir(omnisense)
    with pytest.raises(AttributeError):
        omnisense.nothing  # noqa: B018


def test_errors_name_file_cause_and_remedy_and_pickle():
    error = pickle.loads(pickle.dumps(MediaError("it is empty", "Record it again.", "/a b.mp4")))
    assert str(error) == "/a b.mp4: it is empty. Record it again."
    assert (error.problem, error.remedy, error.path) == ("it is empty", "Record it again.", "/a b.mp4")
