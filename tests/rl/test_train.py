"""Whole runs by recipe: what is learnt, what is left behind, and what happens when something goes wrong."""

import errno
import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml
from safetensors.torch import load_file
from transformers import TrainerCallback

from omnisense.errors import InputError, MediaError
from omnisense.reasoning.policies.load import load_policy
from omnisense.rl.curriculum import train_curriculum
from omnisense.rl.recipe import expand_stages, packaged_recipes, read_recipe
from omnisense.rl.reporting.curves import summarize_log
from omnisense.rl.rewards.functions import RewardError
from omnisense.rl.rewards.registry import build_rewards
from omnisense.rl.tiny import make_data
from omnisense.rl.train import train
from omnisense.rl.trainers.checkpoints import last_complete_checkpoint
from tests.rl.conftest import read

pytestmark = pytest.mark.networks


def raises_at_last(completions, trainer_state, **_):
    if trainer_state.global_step >= 1:
        raise ValueError("the judge is ill")
    return [float(i) for i in range(len(completions))]


@pytest.fixture(scope="module")
def tiny_data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tiny_data")
    make_data(folder, each=12)
    return folder


@pytest.fixture
def recipe(tiny, tiny_data):
    """A recipe of a few quick steps on the tiny model; changes as on the command line."""

    def make(*changes, file="video"):
        quick = [
            f"policy={tiny}", f"data.files=[{tiny_data / file}.json]", "stages=[]", "trainer.max_steps=4",
            "trainer.save_steps=2", "trainer.per_device_train_batch_size=8", "trainer.num_generations=4",
            "trainer.learning_rate=1e-3", "evaluation.run=false",
        ]  # fmt: skip
        return read_recipe("tiny", [*quick, *changes])

    return make


def weights(folder):
    files = [*folder.glob("final/*.safetensors")]
    assert files
    return {name: value for file in files for name, value in load_file(file).items()}


def same(first, second):
    one, two = weights(first), weights(second)
    return one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


# --- learning ---------------------------------------------------------------------------------------------------------


def staged(tiny, tiny_data, seed, steps, *stages):
    recipe = read_recipe("tiny", [f"policy={tiny}", f"seed={seed}", f"trainer.max_steps={steps}"])
    recipe.stages = [stage for stage in recipe.stages if stage["name"] in ("form", *stages)]
    for stage in recipe.stages:
        kind = {"form": "cold"}.get(stage["name"], stage["name"])
        stage["data"] = dict(stage.get("data", {})) | {"files": [str(tiny_data / f"{kind}.json")]}
    return recipe


@pytest.mark.slow
def test_a_tiny_model_learns_to_see(tiny, tmp_path):
    make_data(tmp_path / "data", each=60)  # the interval is over held-out clips: few of them make it wide
    result = train_curriculum(staged(tiny, tmp_path / "data", 0, 60, "video"), tmp_path / "run")
    pairs = {(pair.second, pair.first): pair.difference for pair in result.comparison.pairs}
    assert set(pairs) == {("form", "base"), ("video", "base"), ("video", "form")}
    assert pairs["video", "form"].low > 0
    form_score, video_score = (one.strict.mean for one in result.comparison.systems[1:])
    assert video_score > form_score
    reward = result.stages[1].log.curves["reward"]
    assert reward.last > reward.first + 0.2
    final = tmp_path / "run" / "2-video" / "final"
    assert "video against form: +" in (final / "README.md").read_text()
    assert (tmp_path / "run" / "2-video" / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "run" / "comparison" / "comparison.html").is_file()
    page = sorted((tmp_path / "run" / "2-video" / "samples").glob("*.html"))[-1].read_text()
    assert "data:image/jpeg;base64," in page
    assert "advantage" in page
    # The result is a policy like any other.
    assert load_policy(str(final)).modalities == {"text", "image", "video", "audio"}
    # The same command again trains nothing and gives the same.
    before = (final / "log.json").stat().st_mtime_ns
    again = train_curriculum(staged(tiny, tmp_path / "data", 0, 60, "video"), tmp_path / "run")
    assert again.comparison == result.comparison
    assert (final / "log.json").stat().st_mtime_ns == before


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_tiny_recipe_learns_every_modality(tiny, tmp_path, seed):
    make_data(tmp_path / "data", seed)
    recipe = staged(tiny, tmp_path / "data", seed, 60, "video", "audio", "both")
    result = train_curriculum(recipe, tmp_path / "run")
    assert result.comparison.systems[-1].strict.low > 0.6
    assert result.comparison.pair("both").difference.low > 0


def test_an_adapter_is_ready_for_policy(recipe, tmp_path, tiny):
    small = ["weights={train: adapter, r: 4}", "trainer.beta=0.1", "rewards={'tests.rl.conftest:by_length': 1.0}"]
    done = train(recipe(*small), tmp_path / "one")
    final = tmp_path / "one" / "final"
    assert done.candidate.adapter == str(final)
    assert (final / "adapter_config.json").is_file()
    assert not [path for path in final.iterdir() if path.is_dir()]
    assert "peft" in (final / "README.md").read_text()
    policy = load_policy(str(tiny), adapter=str(final))
    assert policy.write([[{"role": "user", "content": [{"type": "text", "text": "Up or down?"}]}]], max_new_tokens=2)
    # A second stage continues with the same adapter, and its reference is that adapter as loaded.
    more = recipe(*small, f"adapter={final}", file="audio")
    second = train(more, tmp_path / "two")
    assert second.log[0]["kl"] == 0.0
    assert not same(tmp_path / "one", tmp_path / "two")


def test_modalities_are_mixed_freely(recipe, tmp_path, tiny_data):
    files = ", ".join(str(tiny_data / f"{name}.json") for name in ("video", "audio", "both", "cold"))
    done = train(recipe(f"data.files=[{files}]", "data.test_fraction=0"), tmp_path)
    assert done.summary.log.steps == 4
    assert done.summary.comparison is None


# --- interrupted ------------------------------------------------------------------------------------------------------


class Break(TrainerCallback):
    def on_step_end(self, args, state, control, **_):
        if state.global_step == 3:
            raise KeyboardInterrupt


@pytest.mark.parametrize(
    "adapted", [pytest.param(False, id="full"), pytest.param(True, id="adapter", marks=pytest.mark.slow)]
)
def test_an_interrupted_run_ends_as_if_it_had_not_been(recipe, tmp_path, adapted):
    changes = ["weights={train: adapter, r: 4}", "trainer.beta=0.05"] if adapted else []
    whole = train(recipe(*changes), tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        train(recipe(*changes), tmp_path / "broken", callbacks=[Break()])
    lines = []
    (tmp_path / "broken" / "checkpoints" / "checkpoint-4").mkdir()  # a checkpoint that was never finished
    resumed = train(recipe(*changes), tmp_path / "broken", lines.append)
    assert any("checkpoint-2" in line for line in lines)
    assert same(tmp_path / "whole", tmp_path / "broken")
    log = (tmp_path / "broken" / "run.log").read_text()
    assert "training from step 0 to 4" in log
    assert "training from step 2 to 4" in log
    assert "Up or down?" not in log  # no prompts, no completions
    rewards = [[entry["reward"] for entry in run.log if "reward" in entry] for run in (whole, resumed)]
    assert rewards[0] == rewards[1]
    assert len(rewards[0]) == 4


@pytest.mark.slow
def test_a_killed_run_ends_as_if_it_had_not_been(recipe, tmp_path):
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(json.loads(recipe("trainer.max_steps=8").model_dump_json())))
    command = [sys.executable, "-m", "omnisense.agent.cli", "train", "grpo", str(tmp_path / "recipe.yaml"), "--output"]
    subprocess.run([*command, str(tmp_path / "whole")], check=True, capture_output=True, timeout=200)
    killed = subprocess.Popen(
        [*command, str(tmp_path / "killed")], stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL
    )
    while not (tmp_path / "killed" / "checkpoints" / "checkpoint-2").is_dir() and killed.poll() is None:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    assert killed.wait() == -signal.SIGKILL
    subprocess.run([*command, str(tmp_path / "killed")], check=True, capture_output=True, timeout=200)
    assert same(tmp_path / "whole", tmp_path / "killed")


def test_only_a_complete_checkpoint_counts(tmp_path):
    for step, state in ((5, '{"global_step": 5}'), (10, '{"global_step": 10}'), (20, '{"glob'), (100, None)):
        (tmp_path / f"checkpoint-{step}").mkdir()
        if state is not None:
            (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(state)
    (tmp_path / "checkpoint-best").mkdir()  # a copy that somebody keeps
    assert last_complete_checkpoint(tmp_path).name == "checkpoint-10"
    assert last_complete_checkpoint(tmp_path / "nowhere") is None


# --- gone wrong -------------------------------------------------------------------------------------------------------


def test_a_failing_reward_stops_the_run_and_the_last_checkpoint_is_kept(recipe, tmp_path):
    broken = recipe("rewards={'tests.rl.test_train:raises_at_last': 1.0}", "trainer.save_steps=1")
    with pytest.raises(RewardError, match="the judge is ill"):
        train(broken, tmp_path)
    assert last_complete_checkpoint(tmp_path / "checkpoints").name == "checkpoint-1"
    log = (tmp_path / "run.log").read_text()
    assert "checkpoint saved at step 1" in log
    assert 'raise ValueError("the judge is ill")' in log  # the reward's own traceback


def test_a_full_disk_is_reported_and_the_last_checkpoint_is_kept(recipe, tmp_path, monkeypatch):
    from omnisense.rl.trainers.grpo import OmniGRPOTrainer

    saved = OmniGRPOTrainer._save_checkpoint

    def full(self, *args):
        if self.state.global_step > 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        saved(self, *args)

    monkeypatch.setattr(OmniGRPOTrainer, "_save_checkpoint", full)
    with pytest.raises(InputError, match="the disk is full"):
        train(recipe(), tmp_path / "run")
    monkeypatch.undo()
    lines = []
    train(recipe(), tmp_path / "run", lines.append)
    assert any("resuming from" in line and "checkpoint-2" in line for line in lines)
    train(recipe(), tmp_path / "whole")
    assert same(tmp_path / "whole", tmp_path / "run")


def test_a_clip_that_breaks_in_the_middle_stops_the_run_and_is_named(recipe, tmp_path, tiny_data):
    make_data(tmp_path / "data", each=8)
    wanted = recipe(f"data.files=[{tmp_path}/data/video.json]", "data.test_fraction=0")

    class Spoil(TrainerCallback):
        def on_step_end(self, args, state, control, **_):
            for clip in (tmp_path / "data" / "videos").glob("mute*.mp4"):
                clip.write_bytes(b"spoilt")

    with pytest.raises(MediaError, match=r"mute\d+\.mp4"):
        train(wanted, tmp_path / "run", callbacks=[Spoil()])


def test_a_folder_holds_one_run(recipe, tmp_path):
    train(recipe(), tmp_path)
    with pytest.raises(InputError, match=r"other settings \(trainer\)"):
        train(recipe("trainer.learning_rate=5"), tmp_path)
    with pytest.raises(InputError, match="data"):
        train(recipe(file="audio"), tmp_path)


@pytest.mark.parametrize(
    ("change", "cause"),
    [
        ("trainer.learning_rat=1", "learning_rat"),
        ("trainer.num_generations=3", "num_generations"),
        ("trainer.steps_per_generation=3", "between two rounds"),
        ("data.files=[nowhere.json]", "nowhere.json"),
        ("weights={train: adapter}\x00adapter=nowhere", "nowhere"),
        ("data.max_prompt_tokens=3", "max_prompt_tokens"),
        ("trainer.per_device_train_batch_size=400", "fewer than the 100 of one step"),
        ("trainer.use_vllm=true", "vLLM"),
    ],
)
def test_what_cannot_be_trained_is_reported_before_training(recipe, tmp_path, change, cause):
    from omnisense.errors import OmniSenseError

    with pytest.raises(OmniSenseError, match=cause):
        train(recipe(*change.split("\x00")), tmp_path)


@pytest.mark.slow
def test_the_command_reports_an_error_in_one_line(run_cli, tmp_path, tiny, tiny_data):
    rows = read(tiny_data / "video.json")
    for number, row in enumerate(rows):
        row["video_path"] = f"videos/gone{number}.mp4"
    (tmp_path / "gone.json").write_text(json.dumps(rows))
    changes = [f"policy={tiny}", f"data.files=[{tmp_path}/gone.json]", "stages=[]"]
    ran = run_cli("train", "grpo", "tiny", *changes, "--output", tmp_path / "run")
    assert ran.returncode == 2
    assert "no question is left to train on" in ran.stderr
    assert "Traceback" not in ran.stderr
    assert len(ran.stderr.strip().splitlines()) == 1
    ran = run_cli("train", "grpo", "tiny", "rewards.acuracy=1", "stages=[]")
    assert ran.returncode == 2
    assert "acuracy" in ran.stderr


@pytest.mark.slow
def test_the_command_trains_and_prints_the_result(run_cli, tmp_path, recipe, tiny_data):
    quick = recipe("evaluation={run: true, max_new_tokens: 2}", "trainer.max_steps=2")
    (tmp_path / "mine.yaml").write_text(yaml.safe_dump(json.loads(quick.model_dump_json())))
    ran = run_cli("train", "grpo", tmp_path / "mine.yaml", "--output", tmp_path / "run", "--json")
    assert ran.returncode == 0, ran.stderr
    result = json.loads(ran.stdout)
    assert result["log"]["steps"] == 2
    assert result == read(tmp_path / "run" / "result.json")
    assert [one["name"] for one in result["comparison"]["systems"]] == ["base", "trained"]
    assert "'loss'" not in ran.stderr


# --- recipes ----------------------------------------------------------------------------------------------------------


def test_the_packaged_recipes_are_valid_and_name_their_requirements():
    found = packaged_recipes()
    assert set(found) == {
        "tiny", "smollm2", "smollm2-choice", "smollm2-reply", "smollm2-reply-sft", "omni-3b", "omni-7b", "herm-tiny",
        "herm-3b", "herm-7b",
    }  # fmt: skip
    for recipe in found.values():
        assert recipe.description
        assert recipe.requirements
        for part in [stage.recipe for stage in expand_stages(recipe)] if recipe.stages else [recipe]:
            from omnisense.rl.trainers.config import build_trainer_config

            assert build_trainer_config(part, os.devnull).learning_rate < 0.01
            assert part.method not in ("grpo", "reply") or build_rewards(part.rewards)[1]
    paper = expand_stages(found["omni-7b"])
    assert [stage.name for stage in paper] == ["video", "audio", "both"]
    assert all(stage.recipe.trainer["beta"] == 0.1 and stage.recipe.trainer["num_generations"] == 8 for stage in paper)
    assert [stage.recipe.data.audio for stage in paper] == [False, False, True]


def test_changes_on_the_command_line():
    changes = ["trainer.learning_rate=1e-6", "trainer.save_strategy=no", "data.files=[a.json, b.json]",
               "stages.audio.trainer.max_steps=7"]  # fmt: skip
    recipe = read_recipe("tiny", changes)
    assert recipe.trainer["learning_rate"] == 1e-6
    assert recipe.trainer["save_strategy"] == "no"
    assert [path.name for path in recipe.data.files] == ["a.json", "b.json"]
    steps = {stage.name: stage.recipe.trainer.get("max_steps") for stage in expand_stages(recipe)}
    assert steps == {"form": 30, "video": 60, "audio": 7, "both": 60}
    form = expand_stages(recipe)[0].recipe
    assert "num_generations" not in form.trainer  # settings of another trainer are nothing to it


@pytest.mark.parametrize(
    ("text", "changes", "cause"),
    [
        ("policy: x", [], "data"),
        ("policy: x\ndata: {files: [a], sped: 1}", [], "sped"),
        ("- a", [], "mapping"),
        ("a: [", [], "cannot be read"),
        ("policy: x\ndata: {files: [a]}", ["novalue"], "not an override"),
        ("policy: x\ndata: {files: [a]}", ["policy.name=1"], "policy"),
        ("policy: x\ndata: {files: [a]}", ["stages.video.seed=1"], "stages"),
        ("policy: x\ndata: {files: []}", [], "data.files"),
    ],
)
def test_recipes_that_cannot_be_used(tmp_path, text, changes, cause):
    (tmp_path / "r.yaml").write_text(text)
    with pytest.raises(InputError, match=cause):
        read_recipe(str(tmp_path / "r.yaml"), changes)


def test_a_recipe_is_for_its_command():
    with pytest.raises(InputError, match="for grpo"):
        read_recipe("tiny", ["method=grpo"], "sft")
    with pytest.raises(InputError, match="there is no such recipe"):
        read_recipe("nosuch")
    recipe = read_recipe("tiny")
    recipe.stages[1]["name"] = "form"
    with pytest.raises(InputError, match="form"):
        expand_stages(recipe)


def test_the_summary_of_a_log():
    log = [{"step": i, "reward": i / 20, "kl": float("nan")} for i in range(1, 21)] + [
        {"step": 20, "train_runtime": 5.0}
    ]
    summary = summarize_log(log)
    assert summary.curves["reward"].model_dump() == {"first": 0.075, "last": 0.975, "mean": 0.525}
    assert "kl" not in summary.curves
    assert (summary.steps, summary.seconds) == (20, 5.0)
