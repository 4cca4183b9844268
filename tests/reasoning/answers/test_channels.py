"""Questions are matched to channels by meaning: unseen phrasings get the same channel."""

import pytest

from omnisense import models
from omnisense.reasoning.answers.channels import match_question
from omnisense.reasoning.answers.train_channels import combine, expand, fill, read_phrasings


@pytest.mark.models
def test_unseen_phrasings_of_a_question_get_the_same_channel():
    asked = expand([*read_phrasings("dev"), *read_phrasings("test")], 1, seed=7)
    assert len(asked) >= 200
    matched = [match_question(question.text) for question in asked]
    by_topic = [found.topic == question.topic for found, question in zip(matched, asked, strict=True)]
    by_time = [found.time == question.time for found, question in zip(matched, asked, strict=True)]
    assert sum(by_topic) / len(asked) > 0.9
    assert sum(by_time) / len(asked) > 0.9


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "channels"),
    [
        ("What emotion is in the speaker's voice?", {"tone"}),
        ("How does he sound?", {"tone"}),
        ("What emotion does the person's face show?", {"expression"}),
        ("What does she feel?", {"tone", "expression", "text emotion"}),
        ("What does the person say?", {"words"}),
        ("Who is speaking in the clip?", {"speaker"}),
        ("How many people are in the picture, near and far?", {"people"}),
        ("How should you respond?", set()),
        ("Is the writer of this message lying?", set()),
        ("How much does Alex like Sam?", set()),
    ],
)
def test_channels_of_plain_questions(text, channels):
    assert set(match_question(text).relevance) == channels


def test_without_the_embedding_model_the_note_says_so(monkeypatch):
    monkeypatch.setattr(models, "find", lambda _: None)
    found = match_question("How does she sound?")
    assert found.relevance == {}
    assert "all-minilm-l6-v2" in found.note


def test_no_unseen_phrasing_can_be_made_from_a_training_phrasing():
    train = {q.text for q in [*expand(read_phrasings("train"), 40), *combine(read_phrasings("train"), 2)]}
    unseen = [*read_phrasings("dev"), *read_phrasings("test")]
    assert not train & {q.text for seed in range(10) for q in expand(unseen, 1, seed)}


def test_phrasings_are_filled_in():
    import random

    made = {fill("Does {p} (nod|wave) with {ps} hand?", random.Random(i)) for i in range(60)}
    assert len(made) > 10
    assert all(text.endswith("hand?") and "{" not in text and "(" not in text for text in made)
