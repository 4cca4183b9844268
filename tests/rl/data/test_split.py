"""From question files and public sets to training rows."""

import gzip
import json
from dataclasses import replace

import pytest

from omnisense.benchmarks.harness.question_files import OPEN
from omnisense.benchmarks.humansense.loading import load
from omnisense.errors import InputError
from omnisense.reasoning.policies.scripted import ScriptedPolicy
from omnisense.rl.data.converters import CONVERTERS, SINGLE_CHOICE, convert
from omnisense.rl.data.prepare import prepare_rows, render_clips, sample_traces
from omnisense.rl.data.rows import build_rows, target_reply
from omnisense.rl.data.settings import DataSettings
from omnisense.rl.data.split import load_split
from omnisense.rl.trainers.prompt_prefetch import load_prompt

EVERYTHING = ("text", "image", "video", "audio")


def row(number, media="", **asked):
    base = {"task_type": "Emotion_Recognition", "question": f"What is felt {number}?",
            "question_pattern": SINGLE_CHOICE, "options": ["A. joy", "B. grief"], "answer": "A",
            "asr_en": f"words {number}"}  # fmt: skip
    return ({"video_path": media} if media else {}) | {"questions": base | asked}


@pytest.fixture
def write(tmp_path):
    def to_file(rows, name="rows.json"):
        (tmp_path / name).write_text(json.dumps(rows))
        return tmp_path / name

    return to_file


def split(file, takes=EVERYTHING, seed=0, **settings):
    return load_split(DataSettings(files=[file], **settings), takes, seed)


# --- split and filters ------------------------------------------------------------------------------------------------


def test_a_group_is_never_cut(write):
    file = write([row(i, group=f"dialogue {i // 5}") for i in range(400)])
    found = split(file, test_fraction=0.3)
    train, held = ({sample.group for sample in samples} for samples in (found.train, found.test.samples))
    assert not train & held
    assert 0.15 < len(held) / 80 < 0.45
    assert len(found.train) + len(found.test.samples) == 400


def test_a_group_stays_on_its_side_when_more_data_comes(write):
    few = split(write([row(i, group=str(i)) for i in range(50)]), test_fraction=0.3)
    more = split(write([row(i, group=str(i)) for i in range(80)], "more.json"), test_fraction=0.3)
    assert {sample.group for sample in few.test.samples} <= {sample.group for sample in more.test.samples}
    assert split(write([row(i, group=str(i)) for i in range(50)]), test_fraction=0.3).train == few.train


def test_without_a_group_the_clip_or_the_words_hold_questions_together(write, make_media):
    make_media("a.mp4")
    samples = load(write([row(1, "a.mp4"), row(2, "a.mp4"), row(3), row(4, group="g")])).samples
    assert [sample.group for sample in samples] == ["a.mp4", "a.mp4", "words 3", "g"]


def test_what_cannot_be_trained_on_is_dropped_counted_and_named(write, tmp_path, make_media):
    make_media("fine.mp4")
    make_media("long.mp4", video_s=4.0, audio_s=None)
    (tmp_path / "broken.mp4").write_bytes(b"no video")
    rows = [
        row(1, "fine.mp4"), row(2, "gone.mp4"), row(3, "broken.mp4"), row(4, "long.mp4"), row(5, answer="Q"), row(6),
        row(7, question_pattern="Haiku"),
    ]  # fmt: skip
    found = split(write(rows), test_fraction=0, max_clip_s=3.0)
    assert [sample.question.text for sample in found.train] == ["What is felt 1?", "What is felt 6?"]
    assert sum(found.dropped.values()) == 5
    reasons = " ".join(found.dropped)
    assert all(part in reasons for part in ("gone.mp4", "broken media", "longer than 3 s", "not among AB", "unknown"))
    assert any("broken.mp4" in name for name in found.first_dropped)
    deaf = split(write(rows), takes=("text",), test_fraction=0)
    assert deaf.dropped["the model takes no video"] == 3
    assert len(split(write(rows), takes=("text",), test_fraction=0, text_only=True, max_clip_s=3.0).train) == 5


def test_nothing_left_is_an_error_that_says_why(write):
    with pytest.raises(InputError, match="not among AB"):
        split(write([row(1, answer="Z")]))


def test_held_out_files_of_their_own_share_no_group(write):
    mine = write([row(i, group=str(i)) for i in range(6)])
    theirs = write([row(i, group=str(i), question="Other?") for i in (4, 5)], "theirs.json")
    found = load_split(DataSettings(files=[mine], test_files=[theirs]), EVERYTHING, 0)
    assert len(found.test.samples) == 2
    assert len(found.train) == 4
    assert found.dropped == {"its group is held out": 2}


def test_modalities_tasks_and_limits(write, make_media):
    make_media("a.mp4")
    make_media("b.wav", video_s=None, audio_codec="pcm_s16le")
    file = write([row(1, "a.mp4"), row(2, "b.wav"), *(row(i) for i in range(3, 20)), row(30, task_type="Other")])
    assert [i.modality for i in split(file, test_fraction=0, modalities=["audio"]).train] == ["audio"]
    assert len(split(file, test_fraction=0, tasks=["Other"]).train) == 1
    limited = split(file, test_fraction=0, limit=5)
    assert len(limited.train) == 5
    assert limited.train == split(file, test_fraction=0, limit=5).train


def test_open_replies_are_trained_on_and_not_evaluated(write):
    rows = [row(i, question_pattern=OPEN, group=str(i)) for i in range(30)]
    found = split(write(rows), test_fraction=0.5)
    assert not found.test.samples
    (first, *_), _ = build_rows(found.train, DataSettings(files=["x"]).prompting(), len, 99)
    assert first.kind == "open"
    assert first.gold == ""
    assert "your reply to the person" in first.prompt


# --- rows -------------------------------------------------------------------------------------------------------------


def test_rows_hold_media_by_reference_and_what_rewards_read(write, make_media):
    make_media("a.mp4")
    settings = DataSettings(
        files=[write([row(1, "a.mp4", think="She smiles.")])], audio=True, frames=4, test_fraction=0
    )
    found = load_split(settings, EVERYTHING, 0)
    (one,), long = build_rows(found.train, settings.prompting(), lambda _: 10, 10)
    video, text = load_prompt(one.prompt)[0]["content"]
    assert video["path"].endswith("a.mp4")
    assert (video["sampling"].rule, video["sampling"].count, video["with_audio"]) == ("count", 4, False)
    assert "<think>" in text["text"]
    assert (one.kind, one.options, one.gold, one.evidence) == (
        "one",
        ["A. joy", "B. grief"],
        "A",
        "words 1",
    )
    assert target_reply(one, think=True) == "<think>She smiles.</think>\n<answer>A</answer>"
    assert target_reply(one, think=False) == "A"
    assert target_reply(replace(one, trace=""), think=True) == ""
    assert not long
    assert build_rows(found.train, settings.prompting(), lambda _: 11, 10) == ([], [found.train[0].id])


# --- public sets ------------------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize(
    ("name", "at_least", "task"),
    [("meld", 11_000, "Emotion_Recognition"), ("goemotions", 26_000, "Emotion_Recognition"),
     ("esconv", 4_700, "Emo_Strategy"), ("siq2", 6_000, "Social_Reasoning"), ("tombench", 1_100, "Theory_of_Mind"),
     ("epitome", 9_000, "Empathy"), ("casino", 1_700, "Rapport_Recognition")],
)  # fmt: skip
def test_every_set_becomes_rows_that_can_be_asked(shared, tmp_path, name, at_least, task):
    made = prepare_rows(name, shared / "text" / name, tmp_path)
    assert CONVERTERS[name].license in made.note
    samples = load(tmp_path / f"{name}.json").samples
    faults = [sample.problem for sample in samples if sample.problem]
    assert not faults[:3]
    assert len(samples) >= at_least
    asked = [sample for sample in samples if sample.question.kind == "one"]
    golds = [sample.gold for sample in asked if len(sample.question.options) == 4]
    if name not in ("epitome", "casino"):  # their options are scales, in their order
        assert all(0.2 < golds.count(letter) / len(golds) < 0.3 for letter in "ABCD")
    assert {sample.row["task_type"] for sample in asked} == {task}
    assert all(sample.group and sample.trace.endswith(f"that is {sample.gold}.") for sample in asked)
    assert (name == "epitome") == any(sample.question.kind == "open" for sample in samples)


@pytest.mark.shared
def test_meld_asks_about_the_last_line_of_what_is_shown(shared):
    rows = convert("meld", shared / "text" / "meld", seed=3)
    for one in rows[:50]:
        asked = one["questions"]
        speaker = asked["question"].removeprefix("What does ").removesuffix(" feel in the last line?")
        assert asked["asr_en"].splitlines()[-1].startswith(f"{speaker}:")
    assert rows == convert("meld", shared / "text" / "meld", seed=3)
    assert len(convert("meld", shared / "text" / "meld", limit=7)) == 7


def test_clips_are_taken_where_the_user_has_them(tmp_path, make_media):
    source = tmp_path / "siq2"
    (source / "video").mkdir(parents=True)
    make_media("siq2/video/v1.mp4")
    line = {
        "q": "Why?",
        "vid_name": "v1",
        "ts": "0.00-1.50",
        "answer_idx": 2,
        "a0": "a",
        "a1": "b",
        "a2": "c",
        "a3": "d",
    }
    with gzip.open(source / "qa_train.json.gz", "wt") as out:
        out.write("".join(json.dumps(line | {"vid_name": name}) + "\n" for name in ("v1", "v2")))
    prepare_rows("siq2", source, tmp_path / "out")
    prepare_rows("siq2", source, tmp_path / "out")  # again is no harm
    with_clip, without = sorted(
        load(tmp_path / "out" / "siq2.json").samples, key=lambda sample: sample.modality == "text"
    )
    assert (with_clip.modality, with_clip.start_s, with_clip.end_s) == ("video", 0.0, 1.5)
    assert without.media is None
    assert not with_clip.problem


@pytest.mark.parametrize("name", [*CONVERTERS, "nosuch"])
def test_a_folder_that_is_not_the_set(tmp_path, name):
    with pytest.raises(InputError):
        prepare_rows(name, tmp_path, tmp_path / "out")


def test_a_set_with_a_damaged_line_is_named(tmp_path):
    (tmp_path / "qa_train.json").write_text('{"q": "Why?"}\n')
    with pytest.raises(InputError, match="KeyError"):
        prepare_rows("siq2", tmp_path, tmp_path / "out")


# --- perception and traces --------------------------------------------------------------------------------------------


class Rendered:
    """Percepts, for the test."""

    def perceive(self, clip):
        return self

    def render(self, tokens):
        return "0.0 s one person, smiling"


def test_clips_become_text_for_text_policies(write, tmp_path, make_media):
    make_media("a.mp4")
    file = write([row(1, "a.mp4"), row(2)])
    rows = render_clips(file, 0, print, Rendered())
    (tmp_path / "text.json").write_text(json.dumps(rows))
    found = split(tmp_path / "text.json", takes=("text",), test_fraction=0)
    assert not found.dropped
    (one, _), _ = build_rows(found.train, DataSettings(files=["x"]).prompting(), len, 99)
    assert 'What was seen and heard in the clip:\\n\\"\\"\\"\\n0.0 s one person, smiling\\n' in one.prompt
    assert one.evidence == "0.0 s one person, smiling\nwords 1"
    assert one.id == load(file).samples[0].id


def test_traces_are_what_led_to_the_right_answer_in_the_right_form(write, tmp_path):
    replies = iter(
        [
            "<think>joy in it</think><answer>A</answer>",
            "<think>no</think><answer>B</answer>",
            "A",
            "<think>still no</think><answer>B</answer>",
            "<think>now yes</think><answer>A</answer>",
        ]
    )
    teacher = ScriptedPolicy(lambda prompt: next(replies))
    rows = sample_traces(write([row(1), row(2), row(3)]), teacher, 0, 2, 0, print)
    assert [one["questions"]["think"] for one in rows] == ["joy in it", "now yes"]
    (tmp_path / "traces.json").write_text(json.dumps(rows))
    assert [sample.trace for sample in load(tmp_path / "traces.json").samples] == ["joy in it", "now yes"]


def test_traces_need_a_policy(write, tmp_path):
    with pytest.raises(InputError, match="--policy"):
        prepare_rows("traces", write([row(1)]), tmp_path / "out")
