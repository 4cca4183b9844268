"""What a guided policy says again of what it is told, and what it asks about."""

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.reasoning.loop.guided.long_texts import READ, read_about
from omnisense.reasoning.loop.guided.phrases import phrases, topics
from omnisense.reasoning.loop.guided.restating import has_subject
from omnisense.reasoning.loop.state import LoopSettings

# A long text about an illness, in whose other sentences more happens.
LONG = (
    "On Monday I took the train to the coast and back. My father has had cancer since the spring. He sleeps, he reads "
    "the paper, he asks what day it is, and then he sleeps. I cook, I count the tablets and I air the room. My brother "
    "sends photographs of his boat. My brother means well. The neighbours bring soup on Fridays and stay in the hall. "
    "Last week I bought a coat that I do not need, and I wore it to the pharmacy, and nobody saw it. I signed up for a "
    "painting class and did not go."
)


def reply(text, seed=0):
    settings = LoopSettings(guided=True, seed=seed)
    return Agent(ScriptedPolicy(["x"]), memory=None, settings=settings).respond(text=text).response


def test_of_a_long_text_the_clause_that_shows_its_topic_is_said_again():
    assert len(LONG.split()) > 80
    assert "your father has had cancer since the spring" in reply(LONG).lower()


def test_a_long_text_is_about_what_of_the_persons_it_comes_back_to():
    assert read_about(LONG) == "I have read all of it, about your brother."
    assert read_about("The window is big. I like the window. My partner sleeps.") == READ


def test_a_day_can_be_a_subject():
    assert has_subject("Tomorrow is the funeral of my aunt")
    assert has_subject("today would have been her birthday")
    assert not has_subject("tomorrow with my aunt")


@pytest.mark.parametrize("seed", range(4))
def test_a_topic_is_not_answered_without_the_persons_words_or_a_reaction(seed):
    reactions = [*phrases()["feeling"]["anger"]["react"], *phrases()["feeling"]["negative"]["react"]]
    assert reply("Taking all the credit, with you in the room.", seed).startswith(tuple(reactions))


@pytest.mark.models
def test_of_another_person_nothing_is_said_again_that_would_be_left_out():
    said = reply("My mum crashed her car and won't talk about it.")
    assert not said.startswith(("That is not easy either", "I am sorry, that is hard to watch"))


def test_what_another_feels_is_not_asked_of_the_person():
    said = reply("My brother has been so depressed since he lost his job and I don't know how to reach him.")
    assert "and you don't know how to reach him" in said
    assert not any(sentence in said for topic in topics() if topic.feeling for sentence in (*topic.say, *topic.ask))
