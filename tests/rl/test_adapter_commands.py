"""The commands that train an adapter for the default model: their errors, and what they hand to a run."""

from types import SimpleNamespace

import pytest
from click.testing import CliRunner

from omnisense.rl import default_adapter, reply_adapter, train
from omnisense.rl.adapter_run import train_seed
from omnisense.rl.reporting.evaluate import Candidate


@pytest.mark.parametrize("command", [default_adapter.main, reply_adapter.main])
def test_a_folder_without_the_sets_is_an_error_in_one_line(command, tmp_path):
    done = CliRunner().invoke(command, [str(tmp_path), str(tmp_path / "out")])
    assert done.exit_code == 2
    assert done.stderr.splitlines()[-1].startswith(f"Error: {tmp_path / 'goemotions'}: ")
    assert "as published" in done.stderr


def test_comments_without_the_file_of_held_out_ones_are_named(tmp_path):
    (tmp_path / "train.tsv").write_text("I am glad.\t0\ta\n")
    with pytest.raises(default_adapter.InputError, match=r"no dev\.tsv"):
        default_adapter._comment_sides(tmp_path)


def test_seeds_that_are_no_numbers_are_refused(tmp_path):
    done = CliRunner().invoke(reply_adapter.main, [str(tmp_path), str(tmp_path / "out"), "--seeds", "0,one"])
    assert done.exit_code == 2
    assert "whole numbers" in done.stderr


def test_every_seed_has_a_run_folder_and_the_rows_of_all(tmp_path, monkeypatch):
    runs = {}

    def remember(recipe, folder, on_progress):
        runs[folder.name] = recipe
        return SimpleNamespace(candidate=Candidate("trained", recipe.policy, str(folder / "final")))

    monkeypatch.setattr(train, "train", remember)
    rows = tmp_path / "train.jsonl", tmp_path / "test.jsonl"
    for seed in (0, 3):
        _, trained = train_seed("smollm2-choice", "choice", rows, tmp_path, seed, ["trainer.max_steps=2"], print)
        assert trained.adapter == str(tmp_path / f"seed-{seed}" / "final")
    assert [(name, recipe.seed) for name, recipe in runs.items()] == [("seed-0", 0), ("seed-3", 3)]
    assert all(([recipe.data.files[0], recipe.data.test_files[0]]) == list(rows) for recipe in runs.values())
    assert all(recipe.trainer["max_steps"] == 2 and not recipe.evaluation.run for recipe in runs.values())
