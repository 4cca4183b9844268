"""Which clauses of a person's words are said again, and how: exact sentences, read without the embedding."""

import pytest

from omnisense.reasoning.loop.guided import mirror as module
from omnisense.reasoning.loop.guided.mirror import Mirror, mirror, said_again, shows
from omnisense.reasoning.loop.guided.phrases import Picker, find_topics, phrases, topics
from omnisense.reasoning.loop.guided.reading import read


@pytest.fixture(autouse=True)
def nothing_is_harm(monkeypatch):
    """Leave the check of replies out: it needs the embedding, and is tested elsewhere."""
    monkeypatch.setattr(module, "check_reply", lambda text: None)


def mirrored(text, is_bad=False):
    reading = read(text, has_clip=False, has_history=False)
    found = find_topics(reading)
    return mirror(reading, is_bad, found[0][0] if found else None)


@pytest.mark.parametrize(
    ("text", "is_bad", "said"),
    [
        ("I got the keys on Friday. We painted the hall on Saturday.", False,
         "you got the keys on Friday, and you painted the hall on Saturday"),
        ("The phone rang. My boss shouted at me.", True, "the phone rang, and your boss shouted at you"),
        ("Got the job. My sister cried for joy.", False, "you got the job, and your sister cried for joy"),
        ("It rained. The bus came late. Everybody was wet.", False, "the bus came late, and everybody was wet"),
    ],
)  # fmt: skip
def test_a_clause_is_said_again_with_the_one_beside_it_in_their_order(text, is_bad, said):
    assert mirrored(text, is_bad).text == said


def test_of_a_sad_story_the_clause_with_the_feeling_comes_before_the_first_one():
    assert mirrored("My aunt sold the piano. I learned on that piano. I cried all night.", is_bad=True).text == (
        "you learned on that piano, and you cried all night"
    )


def test_a_but_between_two_clauses_is_kept_and_told():
    told = mirrored("I like the new team, but the trip takes two hours.", is_bad=True)
    assert told == Mirror("you like the new team, but the trip takes two hours", told.sentiment, "but")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("He left at six. Took the kettle.", "he left at six"),  # not the person took it
        ("She threw my letters away. My own aunt.", "she threw your letters away"),  # a fragment says nothing of her
        ("My name is Tom. I hate the stairs in the new flat.", "you hate the stairs in the new flat"),
        ("I baked a cake and the oven is still warm and the cat sleeps on the chair by the window all day long.",
         "you baked a cake"),
    ],
)  # fmt: skip
def test_a_clause_of_another_a_fragment_and_a_name_are_left_out(text, said):
    assert mirrored(text).text == said


@pytest.mark.parametrize(
    "text", ["My own aunt.", "Second prize for my leeks at the village show.", "You never know. Whatever."]
)
def test_where_nothing_can_be_said_again_nothing_is(text):
    assert mirrored(text) == Mirror("", 0.0)


def test_what_reads_as_harm_out_of_its_context_is_left_out(monkeypatch):
    monkeypatch.setattr(module, "check_reply", lambda text: "contempt" if "boss" in text else None)
    assert mirrored("I rang the bell. My boss shouted at me.", is_bad=True).text == "you rang the bell"


def test_what_cannot_be_turned_to_you_is_quoted_and_a_long_text_is_not():
    text = "Second prize for my leeks at the village show."
    reading, picker = read(text, has_clip=False, has_history=False), Picker("k", [])
    frames = phrases()["restate"]["neutral"]
    assert '"Second prize for my leeks at the village show"' in said_again(reading, "", frames, picker)
    assert said_again(reading, "you won", ["{Mirror}."], picker) == "You won."
    long = read(" ".join([text] * 12), has_clip=False, has_history=False)
    assert said_again(long, "", frames, picker) == ""


def test_a_text_shows_a_topic_by_its_pattern():
    boss = next(topic for topic in topics() if topic.name == "boss")
    assert shows(boss, "My boss shouted at me")
    assert not shows(boss, "My boss sang to me")
    assert not shows(None, "My boss shouted at me")
