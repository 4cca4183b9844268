"""The shape of the package: which module may import which, what is imported at the start, and the public names."""

import ast
import graphlib
import pickle
import subprocess
import sys

import pytest

import omnisense
from omnisense.errors import MediaError
from tests.conftest import REPOSITORY

# A module may import from its own layer and from those below it.
LAYERS = {"agent": 5, "rl": 4, "benchmarks": 3, "reasoning": 2, "perception": 1}
# These measure every layer, the agent included, so they may import them all.
EXCEPTIONS = ("omnisense.benchmarks.agent", "omnisense.benchmarks.speed", "omnisense.benchmarks.trust")


def modules():
    """Every module of the package: its dotted name and its file."""
    found = {}
    for folder in ("omnisense", *LAYERS):
        for path in (REPOSITORY / folder).rglob("*.py"):
            parts = path.relative_to(REPOSITORY).with_suffix("").parts
            name = ".".join(parts if folder == "omnisense" else ("omnisense", *parts))
            found[name.removesuffix(".__init__")] = path
    return found


def imported_names(module, path):
    """The dotted names that a module imports anywhere: at its top, in functions and under TYPE_CHECKING."""
    package = module.split(".") if path.name == "__init__.py" else module.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            base = ".".join([*base, *filter(None, [node.module])])
            yield from ((base, alias.name) for alias in node.names)
        elif isinstance(node, ast.Import):
            yield from ((alias.name, "") for alias in node.names)
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith("import_module"):
            yield from ((name.value, "") for name in node.args[:1] if isinstance(name, ast.Constant))


def import_graph():
    """Each module with the modules of the package that it imports.

    ``from package import name`` counts as an import of ``package.name`` where that is a module.
    """
    found = modules()
    graph = {}
    for module, path in found.items():
        imported = {
            f"{base}.{name}" if f"{base}.{name}" in found else base for base, name in imported_names(module, path)
        }
        graph[module] = (imported & found.keys()) - {module}
    return graph


def layer(module):
    return LAYERS.get(module.split(".")[1], 0)


def test_the_graph_holds_every_kind_of_import():
    graph = import_graph()
    assert "omnisense.agent.agent" in graph["omnisense"]  # under TYPE_CHECKING
    assert "omnisense.models" in graph["omnisense.agent.cli.models"]  # from omnisense import models, in a function
    assert "omnisense.errors" in graph["omnisense.models"]
    assert len(graph) > 150


def test_a_layer_imports_only_those_below_it():
    upward = [
        f"{module} imports {imported}"
        for module, all_imported in import_graph().items()
        if module != "omnisense" and not module.startswith(EXCEPTIONS)  # the root only re-exports names
        for imported in all_imported
        if imported == "omnisense" or layer(imported) > layer(module)
    ]
    assert upward == []


def test_no_circular_imports():
    """Deferred imports and those under TYPE_CHECKING included."""
    graphlib.TopologicalSorter(import_graph()).prepare()  # raises CycleError, which names the modules


def test_product_code_never_reads_the_shared_folder():
    for path in modules().values():
        assert "../shared" not in path.read_text(), path


@pytest.mark.parametrize(
    "code",
    [
        "import omnisense",
        "import omnisense.agent.cli.main",
        "from omnisense.agent.cli.main import cli; cli.main(['--help'], standalone_mode=False)",
    ],
)
@pytest.mark.subprocess
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
