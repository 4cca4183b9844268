"""Options that commands share."""

import shutil
import sys

import pytest
from click.testing import CliRunner

from omnisense.agent.cli import options
from omnisense.agent.cli.main import cli
from omnisense.errors import InputError, ModelError
from tests.conftest import DEMO

SHARED = ["--streams", "--fps", "--speech-model", "--language", "--speaker-model", "--num-speakers", "--no-cache"]


@pytest.mark.parametrize("command", ["respond", "chat", "demo", "perceive"])
def test_perception_options_are_the_same_in_every_command(command):
    parameters = {name for parameter in cli.commands[command].params for name in parameter.opts}
    assert parameters >= {*SHARED, "--voice-emotion-model", "--text-emotion-model", "--asd-model"}


def test_perception_options_reach_the_settings(monkeypatch):
    given = []
    monkeypatch.setattr(options.PerceptionOptions, "load", lambda self, *_: given.append(self) or 1 / 0)
    arguments = ["--text", "x", "--policy", "scripted", "--num-speakers", "3", "--fps", "4", "--no-cache"]
    result = CliRunner().invoke(cli, ["respond", *arguments, "--streams", "audio, transcript"])
    assert isinstance(result.exception, ZeroDivisionError)
    monkeypatch.undo()
    perception = given[0].load()
    assert (perception.settings.num_speakers, perception.settings.sampling.fps, perception.cache) == (3, 4.0, False)
    assert perception.settings.streams == ("audio", "transcript")


def test_the_defaults_of_options_are_those_of_the_settings_and_of_the_agent():
    from omnisense.agent.service.settings import ServiceSettings
    from omnisense.perception.settings import PerceptionSettings
    from omnisense.reasoning.policies.base import DEFAULT_POLICY

    given = cli.commands["serve"].make_context("serve", []).params
    assert given["policy"] == DEFAULT_POLICY
    perception, service = PerceptionSettings(), ServiceSettings()
    assert given["fps"] == perception.sampling.fps
    assert given["streams"].split(",") == list(perception.streams)
    for name in ("speech_model", "language", "speaker_model", "num_speakers", "voice_emotion_model", "asd_model"):
        assert given[name] == getattr(perception, name), name
    for name in given.keys() & set(ServiceSettings.model_fields):
        assert given[name] == getattr(service, name), name


def test_an_unknown_stream_is_an_error_that_names_the_choices():
    result = CliRunner().invoke(cli, ["respond", "--text", "x", "--policy", "scripted", "--streams", "audio,smell"])
    assert isinstance(result.exception, InputError)
    assert "visual, audio, transcript" in str(result.exception)


def test_every_command_has_a_help_text():
    def walk(command, path):
        assert command.help, path
        assert CliRunner().invoke(command, ["--help"]).exit_code == 0
        for name, below in getattr(command, "commands", {}).items():
            walk(below, [*path, name])

    walk(cli, ["omnisense"])


def test_a_clip_is_opened_once_by_respond(make_media, monkeypatch, perception):
    import omnisense.agent.agent  # noqa: F401
    from omnisense.perception.media import clip as module

    opened = []
    real = module.open_clip
    for loaded in [loaded for loaded in list(sys.modules.values()) if getattr(loaded, "open_clip", None) is real]:
        monkeypatch.setattr(loaded, "open_clip", lambda path, *limits: opened.append(path) or real(path, *limits))
    monkeypatch.setattr(options.PerceptionOptions, "load", lambda *_: perception)
    result = CliRunner().invoke(cli, ["respond", str(make_media("a.mp4")), "--policy", "scripted", "--json"])
    assert result.exit_code == 0, result.output
    assert len(opened) == 1


@pytest.mark.parametrize("command", [["respond", "clip.mp4"], ["chat"], ["talk", "--input", "clip.mp4"], ["serve"]])
@pytest.mark.parametrize(
    ("policy", "said"),
    [
        (["--adapter", "nowhere"], "nowhere: there is no such adapter"),
        (["--policy", "http://127.0.0.1:8000/v1"], "address of a server, not a model"),
        (["--policy", "all-minilm-l6-v2"], "is not on this machine and OMNISENSE_OFFLINE forbids fetching it"),
    ],
    ids=["no adapter", "an address", "not fetched"],
)
def test_a_model_that_cannot_be_had_is_named_before_anything_is_done(command, policy, said, tmp_path, monkeypatch):
    monkeypatch.setenv("OMNISENSE_HOME", str(tmp_path))
    monkeypatch.setenv("OMNISENSE_OFFLINE", "1")
    monkeypatch.setattr(options.PerceptionOptions, "load", lambda *_: pytest.fail("the turn has begun"))
    shutil.copyfile(DEMO, tmp_path / "clip.mp4")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(cli, [*command, *policy], input="Hello\n")
    assert isinstance(result.exception, ModelError)
    assert said in str(result.exception)


@pytest.mark.parametrize("command", ["respond", "perceive"])
def test_an_address_in_place_of_a_clip_is_named_as_one(command, run_cli):
    code, _, said = run_cli(command, "https://example.org/clip.mp4")
    assert code == 2
    assert "this is an address, not a file. Download it" in said
