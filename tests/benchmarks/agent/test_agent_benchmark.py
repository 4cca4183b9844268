"""The benchmark of the agent, on a small scale and with a scripted policy."""

import functools
import json
import subprocess
from dataclasses import asdict, replace

import numpy as np
import pytest
from click.testing import CliRunner
from scipy.io import wavfile

from omnisense import ScriptedPolicy, load_policy
from omnisense.benchmarks.agent import cost, omni, pool, questions, replies, report
from omnisense.benchmarks.agent.__main__ import main
from omnisense.benchmarks.agent.counting import counted
from omnisense.benchmarks.agent.policies import label_of, loaded
from omnisense.benchmarks.agent.shapes import shape_counts, shape_of
from omnisense.benchmarks.agent.voices import speaker_of
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.errors import InputError
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.calibration_rows import read_rows
from omnisense.reasoning.policies.messages import message, text_of
from tests.perception.test_pipeline import full

PROMPT = [message("user", "a" * 40)]


def sample(number, gold):
    question = Question(f"Question {number}: what is felt?", "one", ("A. happy", "B. sad"))
    return Sample(f"q{number}", "feelings", 1, question, gold, "text", transcript="I lost my dog.")


def test_calls_prompts_tokens_and_seconds_are_counted_and_the_policy_is_left_as_it_was():
    policy = ScriptedPolicy(["b" * 20])
    with counted(policy) as usage:
        policy.write([PROMPT, PROMPT])
        policy.choose([PROMPT], [["x", "y"]])
    policy.write([PROMPT])
    assert (usage.calls, usage.prompts, usage.read, usage.written) == (2, 3, 30, 10)
    assert usage.tokens == 40
    assert "write" not in vars(policy)


def test_questions_are_put_to_every_system_once_and_resumed(tmp_path):
    policy = ScriptedPolicy(["<think>sad words</think><answer>B</answer>"], ["B. sad"])
    policy.scores_likelihoods = True  # so that it is asked to choose, too
    samples = [sample(i, "AB"[i % 2]) for i in range(6)]
    file = tmp_path / "answers" / "scripted.jsonl"
    seen = []
    first = questions.ask("scripted", policy, samples[:4], file, lambda done, of: seen.append((done, of)))
    assert seen[-1] == (4, 4)
    with file.open("a") as torn:
        torn.write('{"policy": "scr')
    assert questions.read_answers(file) == first
    policy.calls.clear()
    found = questions.ask("scripted", policy, samples, file, lambda *_: None)
    assert [entry for entry in found if entry.id in {s.id for s in samples[:4]}] == first
    assert not any("Question 0:" in json.dumps(call) for call in policy.calls)
    assert {(e.system, e.id) for e in found} == {(s, x.id) for s in questions.SYSTEMS for x in samples}
    by_system = questions.by_system(found)
    assert [by_system[questions.WRITTEN][f"q{i}"].score for i in range(6)] == [0, 1] * 3
    (task, every) = report.differences(found)
    assert (task.task, every.task, task.verdict) == ("feelings", "all", "as good")
    assert task.scores[questions.AGENT].n == 6
    table = "\n".join(report.questions_table(found))
    assert "| scripted | feelings | 6 | 0.50 (" in table


def test_a_question_that_a_system_fails_on_costs_it_the_point(tmp_path):
    policy = ScriptedPolicy([], [], repeat=False)
    (entry, *_) = questions.ask("scripted", policy, [sample(0, "A")], tmp_path / "a.jsonl", lambda *_: None)
    assert entry.score == 0
    assert "run out" in entry.error


def test_a_clear_difference_is_called_one():
    def entry(system, i, score):
        return questions.Answered("p", system, f"q{i}", "t", "A", "A", score, 1, 1, 1, 1, 0.1)

    scores = {questions.WRITTEN: 1.0, questions.CHOSEN: 0.0, questions.AGENT: 0.0}
    answers = [entry(system, i, score) for system, score in scores.items() for i in range(10)]
    assert {row.verdict for row in report.differences(answers)} == {"worse"}
    better = [entry(s, i, float(s == questions.AGENT)) for s in questions.SYSTEMS for i in range(10)]
    assert {row.verdict for row in report.differences(better)} == {"better"}
    than_one = [entry(s, i, float(s != questions.WRITTEN)) for s in questions.SYSTEMS for i in range(10)]
    assert {row.verdict for row in report.differences(than_one)} == {"as good"}


def test_a_policy_without_ears_gets_the_transcript_of_a_voice_and_the_agent_a_head_that_has_not_heard_it(
    tmp_path, monkeypatch
):
    asked = []

    class Perceived:
        def __init__(self, settings):
            self.settings = settings

        def perceive(self, clip):
            asked.append(self.settings)
            return replace(full(), clip=replace(full().clip, path=str(clip.path)))

    monkeypatch.setattr("omnisense.perception.pipeline.Perception", Perceived)
    file = tmp_path / "03a01Fa.wav"
    wavfile.write(file, 16_000, np.zeros(16_000, np.float32))
    question = Question("How does the voice sound?", "one", ("A. happy", "B. sad"))
    voice = Sample("v", "voice", 1, question, "A", "audio", str(file), uses_audio=True)
    policy = ScriptedPolicy(["A"])
    policy.modalities = frozenset({"text"})
    assert speaker_of(voice) == "03"
    assert speaker_of(sample(0, "A")) == ""
    heads = {"03": tmp_path / "without_03.npz"}
    questions.ask("scripted", policy, [voice], tmp_path / "a.jsonl", lambda *_: None, heads=heads)
    assert full().transcript.text in text_of(policy.calls[0][-1])
    (own,) = {s.voice_emotion_model for s in asked if s.streams != ("transcript",)}
    assert own == str(heads["03"])


def test_an_earlier_run_is_shown_beside_this_one():
    def entry(i, score):
        return questions.Answered("p", questions.AGENT, f"q{i}", "t", "A", "A", score, 1, 1, 1, 1, 0.1)

    before, now = [entry(i, 0.0) for i in range(12)], [entry(i, 1.0) for i in range(10)]
    (task, every) = report.before_table(before, now)[-2:]
    assert task.startswith("| p | t | 10 | 0.00 | 1.00 | +1.00 (+1.00 to +1.00), p 0.00")
    assert every.startswith("| p | all | 10 |")
    assert report.before_table([], now) == []


def test_an_earlier_run_is_compared_by_adapter_and_else_without_one():
    def entry(policy, score):
        return questions.Answered(policy, questions.AGENT, "q", "t", "A", "A", score, 1, 1, 1, 1, 0.1)

    now = [entry("p+new", 1.0), entry("p", 1.0)]
    lines = report.before_table([entry("p", 0.0), entry("p+new", 0.5), entry("p+old", 1.0)], now)
    assert [line[:28] for line in lines if " t " in line] == [
        "| p+new | t | 1 | 0.50 | 1.0",
        "| p | t | 1 | 0.00 | 1.00 | ",
    ]
    fallback = report.before_table([entry("p+old", 0.5), entry("p", 0.0)], now[:1])
    assert fallback[-2].startswith("| p+new | t | 1 | 0.00 | 1.00 |")
    assert report.before_table([entry("p+old", 0.5)], now) == []


@pytest.mark.parametrize("folder", ["--state", "--before"])
def test_replies_of_an_earlier_layout_are_refused(tmp_path, folder):
    (tmp_path / "old").mkdir()
    (tmp_path / "old" / "replies.jsonl").write_text('{"id": "a", "reply": "I see."}\n')
    given = {"--state": tmp_path / "state", "--output": tmp_path / "agent.md", folder: tmp_path / "old"}
    done = CliRunner().invoke(main, [str(tmp_path), *(str(part) for pair in given.items() for part in pair)])
    assert done.exit_code == 2
    assert str(tmp_path / "old" / "replies" / "smollm2-135m-instruct") in done.output
    assert not (tmp_path / "agent.md").exists()


def test_answers_that_do_not_tell_their_adapter_are_refused(tmp_path):
    entry = questions.Answered("smollm2-135m-instruct", questions.AGENT, "q", "t", "A", "A", 1.0, 1, 1, 1, 1, 0.1)
    file = tmp_path / "answers" / "smollm2-135m-instruct.jsonl"
    file.parent.mkdir()
    file.write_text(json.dumps(asdict(entry)) + "\n")
    arguments = [str(tmp_path), "--state", str(tmp_path), "--output", str(tmp_path / "agent.md"), "--max-seconds", "0"]
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == 2
    assert "without saying whether an adapter gave them" in done.output
    file.write_text(json.dumps(asdict(replace(entry, version="0.2.0"))) + "\n")
    assert CliRunner().invoke(main, arguments).exit_code == 0


def test_no_policy_is_loaded_when_the_time_is_up_or_its_cost_is_known(tmp_path, monkeypatch):
    def refuse(*_):
        raise AssertionError("a policy is loaded")

    monkeypatch.setattr("omnisense.benchmarks.agent.__main__.loaded", refuse)
    arguments = [str(tmp_path), "--state", str(tmp_path), "--output", str(tmp_path / "agent.md")]
    assert CliRunner().invoke(main, [*arguments, "--max-seconds", "0"]).exit_code == 0
    name = "smollm2-135m-instruct+none"
    known = {
        "overhead": {},
        "plain": {"scripted, leads": {"turns": 1}, f"{label_of(name)}, is guided": {"turns": 1}},
        "commit": {},
    }
    (tmp_path / "cost.json").write_text(json.dumps(known))
    done = CliRunner().invoke(main, [*arguments, "--part", "cost", "--policy", name])
    assert done.exit_code == 0, done.output


def test_a_pool_is_collected_once_and_judged_on_rows_that_it_is_not_fitted_on(tmp_path):
    texts = {"joy": "I am so happy today", "sadness": "I am so sad today", "anger": "I am so angry today"}
    lines = [{"text": f"{text} {i}", "emotion": e, "task": "fitted"} for i in range(8) for e, text in texts.items()]
    rows = {}
    for fitted in (True, False):
        own = lines if fitted else [{**line, "text": f"{line['text']}!", "task": "judged"} for line in lines[:9]]
        (tmp_path / "rows.jsonl").write_text("\n".join(map(json.dumps, own)))
        rows[fitted] = read_rows(tmp_path / "rows.jsonl")
    policy, file = ScriptedPolicy(['["joy","']), tmp_path / "pool" / "scripted.jsonl"
    pool.collect("scripted", policy, {True: rows[True][:16]}, file, lambda *_: None, lambda: False)
    policy.calls.clear()
    pool.collect("scripted", policy, rows, file, lambda *_: None, lambda: False)
    assert len(policy.calls) == 24 + 9 - 16
    whole = file.read_text()
    file.write_text(f'{whole}{{"policy": "scr')
    pool.collect("scripted", policy, rows, file, lambda *_: None, lambda: False)
    assert file.read_text() == whole  # what a kill tore is cut, so that more can be written
    sayings = pool.read_sayings(file)
    assert [(s.decision, s.leads, s.fitted) for s in sayings] == [("emotion", True, s.fitted) for s in sayings]
    found = pool.judge_pool(sayings)
    assert [found[task]["n"] for task in ("fitted", "judged")] == [24, 9]
    assert found["judged"]["policy"] == pytest.approx(1 / 3, abs=0.001)  # it always says joy
    assert found["judged"]["pooled"] == found["judged"]["words"] == 1.0
    assert all("| not worse |" in line for line in pool.pool_table(sayings)[2:])


TEMPLATE = "it sounds as if you feel _ : _ . what now ?"


@pytest.mark.parametrize(
    ("reply", "heard", "shape"),
    [
        ("It sounds as if you feel sad: your dog died. What now?", "My dog died.", TEMPLATE),
        ("It sounds as if you feel angry: they stole the car. What now?", "They stole the car!", TEMPLATE),
        ('You said "my name is Tom".', "", "you said _ ."),
        ("Here come 3 people.", "", "here come _ people ."),
    ],
)
def test_the_shape_of_a_reply_is_its_template(reply, heard, shape):
    assert shape_of(reply, heard) == shape


def test_shapes_are_counted():
    assert shape_counts(["a", "a", "b", "c"]) == (3, 0.5)
    assert shape_counts([]) == (0, 0.0)


def test_the_inputs_are_whole():
    inputs = replies.read_inputs()
    assert len(inputs) >= 120
    assert len({i.id for i in inputs}) == len(inputs)
    assert all(i.text or i.clip for i in inputs)
    assert {i.split for i in inputs} == {"tuning", "held-out"}


def test_replies_are_recorded_resumed_and_shown(tmp_path):
    inputs = [
        replies.Input("grief-1", "grief", "held-out", "My dog died yesterday.", must="take up the dog"),
        replies.Input("memory-1", "memory", "tuning", "What did I say?", history=("I like tea.",)),
        replies.Input("clip-1", "clip", "tuning", clip="not/there.mp4"),
    ]
    policy = ScriptedPolicy(["I am so sorry about your dog. What was it like with him?"])
    file = tmp_path / "replies.jsonl"
    found = replies.collect_replies(policy, inputs, tmp_path, file)
    assert list(found) == ["grief-1", "memory-1"]
    assert found["grief-1"].reply
    assert found["grief-1"].appraisal.keys() >= {"emotion", "need", "strategy"}
    assert "I like tea." in found["memory-1"].heard
    policy.calls.clear()
    assert replies.collect_replies(policy, inputs, tmp_path, file) == replies.read_replies(file) == found
    assert policy.calls == []
    whole = file.read_text()
    file.write_text(f'{{"id": "gr{whole}')
    with pytest.raises(InputError, match=r"line 1 is damaged .* Remove it"):
        replies.read_replies(file)
    file.write_text(whole[:-20])
    assert list(replies.read_replies(file)) == ["grief-1"]
    replies.collect_replies(policy, inputs, tmp_path, file)
    assert list(replies.read_replies(file)) == ["grief-1", "memory-1"]
    versions = {
        "before": {"grief-1": replies.RecordedReply.from_dict({"id": "grief-1", "reply": "I see."})},
        "after": found,
    }
    page = "\n".join(report.reply_pages(inputs, versions))
    assert "| My dog died yesterday. | I see. |" in page
    statistics = "\n".join(report.reply_statistics(inputs, versions))
    assert "| replies | 1 | 1 | 2 | 1 |" in statistics


def test_the_statistics_of_replies_stand_in_their_own_columns():
    splits = {"a": "tuning", "b": "held-out"}
    inputs = [replies.Input(key, "grief", split, "My dog died.") for key, split in splits.items()]
    said = {key: replies.RecordedReply(key, "grief", "I am sorry.", "policy") for key in "ab"}
    failed = replies.RecordedReply("a", "grief", "", error="no memory")
    versions = {"before": {"a": failed}, "after": {"b": said["b"]}}
    shown = report.reply_statistics(inputs, versions)
    assert shown[0] == "| | before, all | before, held-out | after, all | after, held-out |"
    assert {line.count("|") for line in shown} == {6}
    assert "| failed | 1 | 0 | 0 | 0 |" in shown
    assert "| written by |  |  | policy 1 | policy 1 |" in shown


def test_judgements_are_read_from_the_sheet_and_averaged(tmp_path):
    asked = replies.Input("a", "grief", "tuning", "My dog died.")
    sheet = tmp_path / "sheet.jsonl"
    replies.write_sheet(sheet, [asked], {"before": {"a": replies.RecordedReply("a", "grief", "I see.")}})
    row = json.loads(sheet.read_text())
    assert row["fit"] is None
    assert replies.read_judgements(sheet) == []
    sheet.write_text(json.dumps(row | {"fit": 2}) + "\n" + json.dumps(row | {"fit": 1, "truth": 0}) + "\n")
    means = replies.mean_judgements(replies.read_judgements(sheet))
    assert means["grief", "before"] == means["all", "before"] == {"fit": 1.5, "truth": 0}
    assert "| grief | before |  |  |  | 1.50 | 0.00 |" in report.judgement_table(replies.read_judgements(sheet))
    sheet.write_text(json.dumps(row | {"fit": 3}) + "\n")
    with pytest.raises(InputError, match="fit is 3"):
        replies.read_judgements(sheet)


def test_judgements_stay_on_a_sheet_that_is_written_again(tmp_path):
    inputs = [replies.Input(key, "grief", "tuning", "My dog died.") for key in "ab"]
    said = {key: replies.RecordedReply(key, "grief", f"I see {key}.") for key in "ab"}
    sheet = tmp_path / "sheet.jsonl"
    replies.write_sheet(sheet, inputs, {"after": said})
    rows = [json.loads(line) for line in sheet.read_text().splitlines()]
    sheet.write_text("".join(json.dumps(row | {"fit": 2, "truth": 1}) + "\n" for row in rows))
    judged = replies.read_judgements(sheet)
    said["b"] = replies.RecordedReply("b", "grief", "I hear you.")
    replies.write_sheet(sheet, inputs, {"after": said})
    assert replies.read_judgements(sheet) == judged
    assert [json.loads(line)["fit"] for line in sheet.read_text().splitlines()] == [2, None, 2]
    sheet.write_text("{broken\n")
    with pytest.raises(InputError, match="cannot be read"):
        replies.write_sheet(sheet, inputs, {"after": said})
    assert sheet.read_text() == "{broken\n"


def test_five_words_in_a_row_are_an_echo():
    assert replies.echoes("So your boss said you are done.", "Then, your boss said you ARE late")
    assert not replies.echoes("So your boss said no.", "Your boss said yes")


def test_judgements_of_replies_that_have_changed_do_not_count():
    judged = [{"id": key, "class": "grief", "version": "after", "reply": "I see.", "fit": 2} for key in "ab"]
    versions = {
        "after": {key: replies.RecordedReply(key, "grief", f"I see{end}") for key, end in zip("ab", ".!", strict=True)}
    }
    assert [row["id"] for row in replies.still_given(judged, versions)] == ["a"]
    inputs = [replies.Input(key, "grief", "tuning", "My dog died.") for key in "ab"]
    page = "\n".join(report.reply_sections(inputs, versions, judged, "replies.md"))
    assert "1 of 2 judged replies have changed since" in page


def test_questions_count_once_every_system_has_answered_and_time_can_be_up(tmp_path):
    policy = ScriptedPolicy(["B"])
    samples = [sample(i, "B") for i in range(4)]
    over = iter([False, False, True])
    file = tmp_path / "a.jsonl"
    found = questions.ask("scripted", policy, samples, file, lambda *_: None, lambda: next(over))
    assert {entry.id for entry in questions.complete(found)} == {"q0", "q1"}
    assert {entry.id for entry in questions.complete(found[:-1])} == {"q0"}  # the agent has not answered q1


def test_a_policy_with_an_adapter_and_without_have_names_of_their_own(tmp_path):
    file = tmp_path / "small.gguf"
    file.touch()
    assert label_of("smollm2-135m-instruct").startswith("smollm2-135m-instruct+")
    assert label_of("smollm2-135m-instruct+none") == "smollm2-135m-instruct"
    assert label_of("served:smollm2-135m-instruct+none") == "served:smollm2-135m-instruct"
    assert label_of(str(file)) == "small.gguf"
    assert label_of("served:tiny") == "served:tiny"
    assert label_of(omni.NAME) == omni.NAME


@pytest.mark.networks
def test_a_tiny_model_answers_behind_a_server(tmp_path):
    pytest.importorskip("langchain_openai")
    with loaded("served:tiny", tmp_path, tmp_path) as policy:
        assert policy.name.startswith("chat:")
        (reply,) = policy.write([PROMPT], max_new_tokens=8)
    assert reply == load_policy(str(tmp_path / "tiny_text")).write([PROMPT], max_new_tokens=8)[0]


@pytest.mark.subprocess
def test_a_commit_that_is_not_there_or_does_not_run_is_named(tmp_path, monkeypatch):
    git = ["git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], check=True)
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "Begin"], check=True)
    with pytest.raises(InputError, match="there is no commit 0123abc"):
        cost.beside_commit("0123abc", "none", ["Hello"], tmp_path)
    monkeypatch.setattr(cost, "_TURNS", "raise SystemExit(3)")
    with pytest.raises(InputError, match="ended with exit code 3"):
        cost.beside_commit("HEAD", "none", ["Hello"], tmp_path)
    listed = subprocess.run([*git, "worktree", "list"], check=True, capture_output=True, text=True).stdout
    assert len(listed.splitlines()) == 1


@pytest.mark.parametrize(("length", "seconds"), [(10, 2.0), (20, 3.0), (25, 4.0), (30, 4.0), (40, 5.5)])
def test_a_plain_call_is_read_off_where_its_reply_is_as_long(length, seconds):
    marks = [(10.0 * i, float(i), 2.0 * i) for i in (1, 2, 3)] + [(30.0, 4.0, 8.0)]  # a second a piece, one for the end
    assert cost._at(marks, length) == pytest.approx((seconds, 2 * seconds))


def test_a_leading_turn_is_compared_with_a_plain_call():
    found = cost.beside_plain_call(cost.scripted_leader(), ["My dog died yesterday.", "I lost my job and I am afraid."])
    assert found["turns"] == 2
    assert found["prompts"]["ratio"] == 1  # one pass
    assert 1 < found["written"]["ratio"] < 3  # the appraisal is written beside the reply
    assert "tokens read anew" not in found  # which only a model can count


def test_tokens_that_a_model_counts_are_compared(monkeypatch):
    policy = cost.scripted_leader()
    written = type(policy).write

    def write(self, prompts, **settings):
        self.processed_tokens = (self.processed_tokens[0] + 10, self.processed_tokens[1] + 4)
        return written(self, prompts, **settings)

    monkeypatch.setattr(policy, "processed_tokens", (0, 0), raising=False)
    monkeypatch.setattr(policy, "write", functools.partial(write, policy))
    found = cost.beside_plain_call(policy, ["My dog died yesterday."])
    assert found["tokens read anew"] == {"agent": 10, "plain call": 10, "ratio": 1.0}
    assert found["tokens written"]["ratio"] == 1.0  # the replies are alike
