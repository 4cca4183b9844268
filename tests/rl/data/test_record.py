"""Rows that are recorded from the agent hold the prompts that the agent asks."""

import gzip
import json

import pytest

from omnisense import InputError
from omnisense.perception.emotion.text import EKMAN
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.policies.recording import RecordingPolicy
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.rl.data.agent_rows import read_agent_rows, write_agent_rows
from omnisense.rl.data.agent_sources import record
from omnisense.rl.data.record import Recorder
from omnisense.rl.trainers.prompt_prefetch import load_prompt


class Reader:
    """Stands in for perception: reads no emotion from text, and has no clips."""

    def perceive(self, clip):
        raise AssertionError("there is no clip")

    def add_text_emotion(self, transcript):
        return transcript


@pytest.fixture
def recorder():
    return Recorder(perception=Reader())


def asked(row):
    return text_of(load_prompt(row.prompt)[-1])


def test_recording_hands_on_every_call_and_reports_it():
    calls = []
    policy = RecordingPolicy(ScriptedPolicy(["yes", "no"], ["b"]), calls.append, needs_guidance=True)
    prompt = [{"role": "user", "content": [{"type": "text", "text": "?"}]}]
    assert policy.write([prompt, prompt]) == ["yes", "no"]
    assert policy.choose([prompt], [["a", "b"]])[0].index == 1
    assert [(c.verb, c.reply, c.options, c.place) for c in calls] == [
        ("write", "yes", (), 0), ("write", "no", (), 1), ("choose", "", ("a", "b"), 0)]  # fmt: skip
    assert policy.needs_guidance
    assert not policy.scores_likelihoods


def test_the_loop_is_recorded_about_texts(tmp_path, recorder):
    file = tmp_path / "texts.jsonl"
    texts = [("I am so sad that my dog died.", "sadness"), ("What a wonderful day, I am happy!", "joy")]
    file.write_text("".join(json.dumps({"text": t, "emotion": e}) + "\n" for t, e in texts))
    rows = record(file, 0, 0, lambda _: None, recorder)
    felt = [row for row in rows if row.decision == "emotion"]
    assert {row.gold[0] for row in felt} == {"sadness", "joy"}
    assert all(row.is_labelled for row in felt)
    for row in felt:
        assert tuple(row.options) == EmotionSet().names
        assert "What does the person feel now?" in asked(row)
        assert "N/A" in text_of(load_prompt(row.neutral)[-1])
        assert max(row.measured["words"].probabilities, key=row.measured["words"].probabilities.get) == row.gold[0]
        assert row.target()[row.options.index(row.gold[0])] == 1
    assert {row.decision for row in rows} >= {"emotion", "need", "strategy", "reply"}
    assert not any(row.is_labelled for row in rows if row.decision != "emotion")
    kept = next(row for row in rows if row.decision == "need")
    share = 1 / len(kept.options)
    assert kept.model_copy(update={"reference": [share] * len(kept.options)}).target() == [share] * len(kept.options)
    reply, *_ = [row for row in rows if row.decision == "reply"]  # none where the whole reply is composed
    assert reply.verb == "write"
    assert reply.context["opening"]
    assert reply.context["heard"]
    write_agent_rows(rows, tmp_path / "out" / "rows.jsonl")
    assert read_agent_rows([tmp_path / "out"]) == rows


def test_questions_are_recorded_as_the_agent_asks_them(tmp_path, recorder):
    question = {
        "task_type": "Social_Reasoning", "question": "Why does he smile?", "options": ["A. He won.", "B. He lost."],
        "question_pattern": "Multiple-choice question (select one answer choice)", "answer": "A", "group": "clip7",
        "asr_en": "Ana: We won!",
    }  # fmt: skip
    several = question | {
        "question_pattern": "Multiple-choice question (select one or more answer choices)", "answer": "AB"
    }  # fmt: skip
    (tmp_path / "q.json").write_text(json.dumps([{"questions": question}, {"questions": several}]))
    rows = sorted(record(tmp_path / "q.json", 0, 0, lambda _: None, recorder), key=lambda row: len(row.gold))
    assert [row.gold for row in rows] == [["A"], ["A", "B"]]
    assert rows[1].target() == [0.5, 0.5]
    assert all(row.options == ["A", "B"] and row.decision == "answer" for row in rows)
    assert rows[0].group == "clip7"
    assert "Ana: We won!" in asked(rows[0])
    assert "A. He won." in asked(rows[0])


@pytest.mark.parametrize(("name", "pack"), [("train.tsv", bytes), ("train.tsv.gz", gzip.compress)])
def test_comments_are_recorded_as_they_are_published_or_gzipped(tmp_path, recorder, name, pack):
    (tmp_path / "labels.txt").write_text("\n".join(label for group in EKMAN.values() for label in group))
    lines = ["not used: each fifth\t0\ta", "I am\x85furious\t0\tb", "\u201cGreat\u201d\t0,27\tc", "So\t27\td"]
    (tmp_path / name).write_bytes(pack("\r\n".join([*lines, ""]).encode()))
    rows = [row for row in record(tmp_path, 0, 0, print, recorder) if row.decision == "emotion"]
    assert sorted((row.group, *row.gold) for row in rows) == [("train-1", "anger"), ("train-3", "neutral")]


def test_damaged_comments_are_named(tmp_path, recorder):
    (tmp_path / "labels.txt").write_text("joy")
    (tmp_path / "train.tsv.gz").write_bytes(gzip.compress(b"I am glad\t0\ta\n")[:-9])
    with pytest.raises(InputError, match=r"train\.tsv\.gz: the texts cannot be read \(it is damaged"):
        record(tmp_path, 0, 0, print, recorder)
