"""The replies that were written by hand, and the rows that are made of them."""

import csv
import gzip
from collections import Counter

import pytest

from omnisense.errors import InputError
from omnisense.rl.data import reply_examples
from omnisense.rl.data.agent_rows import read_agent_rows
from omnisense.rl.data.reply_examples import prepare_replies, read_examples
from omnisense.rl.data.reply_rows import ReplyTarget


def test_written_replies_are_of_many_forms_and_for_no_held_out_text():
    examples = read_examples()
    assert len(set(examples)) == len(examples) > 450
    assert all(reply[-1] in ".?!" and reply == reply.strip() for _, reply in examples)
    begun = Counter(tuple(reply.lower().split()[:3]) for _, reply in examples)
    assert max(begun.values()) < 0.05 * len(examples)
    numbers = [group.rpartition("-") for group, _ in examples]
    assert {name for name, _, _ in numbers} == {"counselchat", "train"}
    assert all(int(number) < reply_examples._FIRST_HELD_OUT for name, _, number in numbers if name == "counselchat")


def test_the_beginning_of_a_question_ends_before_what_it_asks():
    assert (
        reply_examples._beginning("I lost my job.  My wife left.\nWhat now? I am sad.")
        == "I lost my job. My wife left."
    )
    assert reply_examples._beginning("I am sad. " + "word " * 40) == "I am sad."


def test_a_folder_without_the_sets_is_named(tmp_path):
    with pytest.raises(InputError, match=r"train\.tsv"):
        prepare_replies(tmp_path, tmp_path / "rows", print)


@pytest.fixture
def sets(tmp_path):
    """Folders of the two sets as published, of a few texts each."""
    (tmp_path / "counselchat").mkdir()
    (tmp_path / "goemotions").mkdir()
    with (tmp_path / "counselchat" / "counsel_chat.csv").open("w", newline="") as file:
        lines = csv.DictWriter(file, ["questionID", "questionText"])
        lines.writeheader()
        texts = {3: "I am so sad that my dog died.", 500: "I lost my job last week and I feel so sad.", 501: "Hm."}
        lines.writerows({"questionID": number, "questionText": text} for number, text in texts.items())
    (tmp_path / "goemotions" / "labels.txt").write_text("joy\nsadness\n")
    for name, text in (("train", "I am so happy about my garden today."), ("dev", "I am so sad about my exam today.")):
        with gzip.open(tmp_path / "goemotions" / f"{name}.tsv.gz", "wt") as lines:
            lines.write(f"{text}\t{int(name == 'dev')}\tid{name}\n")
    return tmp_path


@pytest.mark.models
def test_rows_are_recorded_with_the_replies_that_pass_the_checks(sets, tmp_path, monkeypatch):
    examples = [
        ("counselchat-3", "A dog means so much to people."),
        ("counselchat-3", "You should get a cat, it is fun."),
        ("train-0", "A garden is a joy!"),
        ("train-9", "There is no such comment."),
    ]
    monkeypatch.setattr(reply_examples, "read_examples", lambda: examples)
    lines = []
    train, test = (read_agent_rows([file]) for file in prepare_replies(sets, tmp_path / "rows", lines.append))
    assert [(row.group, row.reply) for row in train] == [
        ("counselchat-3", "A dog means so much to people."), ("train-0", "A garden is a joy!"),
    ]  # fmt: skip
    assert len({row.id for row in train}) == 2
    assert [row.group for row in test] == ["counselchat-500", "dev-0"]
    assert not any(row.reply for row in test)
    assert ReplyTarget.of(test[0]).opening
    assert "2 of 4 written replies pass" in lines[-1]
