"""A composed long clip, in a short version, and the made-up questions of the tiny policy."""

from dataclasses import replace

import pytest

from omnisense.benchmarks.agent.long_clip import Asked, Outcome, _timed, guided, leading, report, script
from omnisense.benchmarks.agent.long_clip_compose import merge_percepts, place, write_file
from omnisense.benchmarks.agent.window_training import WindowPolicy, accuracy, make_examples, train
from omnisense.perception.media.clip import open_clip
from omnisense.perception.types import Missing, Transcript, VisualStream
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.loop.retrieval import find_windows, window_prompt, within
from omnisense.reasoning.policies.messages import text_of
from omnisense.reasoning.policies.scripted import ScriptedPolicy


@pytest.mark.models
def test_a_short_version_is_composed_and_looked_at(tmp_path, short_demo, perception):
    pieces = place([short_demo, short_demo], [5, 65])
    write_file(tmp_path / "clip.mp4", pieces, 80)
    percepts = merge_percepts(tmp_path / "clip.mp4", pieces, 80, perception.perceive)
    assert abs(open_clip(tmp_path / "clip.mp4").duration_s - 80) < 0.5
    assert isinstance(percepts.visual, VisualStream)
    assert [face.id for face in percepts.visual.faces] == ["face-1-1", "face-1-2"]
    assert percepts.visual.faces[1].start_s >= 65
    second = within(percepts, 60, 80)
    assert isinstance(second.transcript, Transcript)
    assert [segment.start_s >= 65 for segment in second.transcript.segments] == [True]
    windows, _ = find_windows(percepts, "What is there at 1:06?")
    assert 55 <= windows[0].start_s <= windows[0].end_s <= 80

    question = Question("A face is seen at 1:06. How does it look?", "one", ("A. happy", "B. angry", "C. neutral"))
    run = leading(ScriptedPolicy(script), perception)
    outcome = _timed(run, Asked(question, "A", pieces[1]), percepts)
    assert outcome.cited
    assert 0 < outcome.tokens < 6_000
    table = report({"a script that leads": [outcome, Outcome(True, False, 10, 1.0)]}, percepts, 5, (0.5, 0.9), 84)
    assert "| a script that leads | " in table
    assert "of 100 others, 84 of them in the words of one that it learned from" in table

    silent = replace(percepts, visual=Missing("no video"), audio=Missing("no sound"), transcript=Missing("no sound"))
    nothing = replace(silent, speaker_segments=(), people=())
    asked = Asked(Question("Which colour is named?", "one", question.options), "A", pieces[1])
    _, cites, _ = guided(ScriptedPolicy(["A"]), perception)(asked, nothing)
    assert cites == ()


@pytest.mark.slow
def test_made_up_questions_have_one_answer_and_the_same_seed_gives_the_same():
    examples = make_examples(200, seed=3)
    assert examples == make_examples(200, seed=3)
    assert examples != make_examples(200, seed=4)
    assert {example.answer for example in examples} == {0, 1, 2, 3}
    for example in examples:
        assert len(set(example.texts)) == 4
        prompt, options = window_prompt(example.question, example.texts)
        assert options == ["A", "B", "C", "D"]
        assert example.question in text_of(prompt[0])


@pytest.mark.models
@pytest.mark.slow
def test_training_teaches_the_choice_of_windows(tmp_path):
    examples = make_examples(60, seed=1)
    loss = train(tmp_path / "window_policy.npz", examples)
    assert loss < 0.7  # chance is 1.39
    trained = accuracy(WindowPolicy(tmp_path / "window_policy.npz"), examples)
    assert trained > accuracy(WindowPolicy(), examples)
    [other] = WindowPolicy().choose([[{"role": "user", "content": [{"type": "text", "text": "Yes?"}]}]], [["a", "b"]])
    assert other.probabilities == (0.5, 0.5)
