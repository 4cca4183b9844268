"""The comparison of ways to score options: its questions, its records, its table, on a tiny model."""

import gzip
import json

import pytest
from click.testing import CliRunner

from omnisense.benchmarks.choices import report
from omnisense.benchmarks.choices.__main__ import main
from omnisense.benchmarks.choices.items import load_items
from omnisense.benchmarks.choices.measure import EVIDENCE, NOTHING, SPACE, START
from omnisense.reasoning.policies.messages import text_of
from omnisense.testing.tiny_models import tiny_text

LABELS = "joy sadness anger fear disgust surprise neutral".split()


@pytest.fixture
def data(tmp_path):
    """Eight comments an emotion, and a few stories."""
    for folder in ("goemotions", "tombench"):
        (tmp_path / folder).mkdir()
    (tmp_path / "goemotions/labels.txt").write_text("\n".join(LABELS))
    rows = [f"comment {i} of {name}\t{k}\tid" for k, name in enumerate(LABELS) for i in range(8)]
    with gzip.open(tmp_path / "goemotions/dev.tsv.gz", "wt") as file:
        file.write("".join(f"{row}\n" for row in [*rows, "two feelings\t0,1\tid"]))
    story = {"STORY": "Ann hides it.", "QUESTION": "What is it?", "答案\nANSWER": "C"}
    story |= {f"OPTION-{letter}": f"thing {letter}" for letter in "ABCD"}
    with gzip.open(tmp_path / "tombench/Some.jsonl.gz", "wt") as file:
        file.write(f"{json.dumps(story)}\n" * 6)
    return tmp_path / "goemotions", tmp_path / "tombench"


def test_items_are_balanced_and_split(data):
    items = load_items(*data, 4)
    emotions = [item for item in items if item.task == "emotion"]
    assert len(emotions) == 28
    assert sorted(item.gold for item in emotions) == sorted([*range(7)] * 4)
    assert sum(item.held_out for item in emotions) == 14
    for item in emotions:
        assert f"of {item.options[item.gold]}" in text_of(item.prompt[0])
        assert "comment" not in text_of(item.nothing[0]) + text_of(item.content_free[0])
    [story, *_] = [item for item in items if item.task == "story"]
    assert story.options[story.gold] == "C. thing C"
    assert "Ann" not in text_of(story.nothing[0])


@pytest.mark.slow
def test_the_command_goes_on_where_it_stopped_and_writes_the_table(data, tmp_path):
    model, records, page = tiny_text(tmp_path / "model"), tmp_path / "r.jsonl", tmp_path / "page.md"
    arguments = [*map(str, data), "--policy", str(model), "--limit", "2", "--records", str(records)]
    done = CliRunner().invoke(main, [*arguments, "--output", str(page)], catch_exceptions=False)
    assert done.exit_code == 0
    lines = records.read_text().splitlines()
    assert len(lines) == len(load_items(*data, 2)) == 14 + 5
    assert "| emotion | 7 | 0.143 |" in page.read_text()
    records.write_text("".join(f"{line}\n" for line in lines[:-2]))
    again = CliRunner().invoke(main, [*arguments, "--output", str(page)], catch_exceptions=False)
    assert "19 of 19" in again.output
    assert records.read_text().splitlines() == lines
    other = CliRunner().invoke(main, [*arguments, "--limit", "1", "--output", str(page)])
    assert "another --limit" in other.output
    assert records.read_text().splitlines() == lines


def test_scores_are_reduced_and_biases_taken_away():
    assert report.reduce_tokens([-1.0, -2.0, -3.0], "ab", "sum") == -6
    assert report.reduce_tokens([-1.0, -2.0, -3.0], "ab", "mean") == -2
    assert report.reduce_tokens([-1.0, -2.0, -3.0], "ab", "per byte", end=False) == -1.5
    told = {EVIDENCE: {SPACE: [[-1.0], [-2.0]]}, NOTHING: {SPACE: [[-1.0], [-5.0]]}}
    record = {"options": ["a", "b"], "gold": 1, "scores": told}
    assert report.choose(record, SPACE, "sum", "kept") == 0
    assert report.choose(record, SPACE, "sum", NOTHING) == 1


def test_separation_is_free_of_bias():
    rows = [
        {"options": ["a", "b"], "gold": i % 2, "scores": {EVIDENCE: {START: [[9.0 - i % 2], [0.0]]}}} for i in range(8)
    ]
    assert all(report.choose(r, START, "sum", "kept") == 0 for r in rows)
    assert report._separation(rows, START, "sum", True).startswith("1.000")
