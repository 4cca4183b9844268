"""Praise that its occasion contradicts is no joy."""

import pytest

from omnisense import Agent
from omnisense.perception.types import Event, Segment, Transcript
from omnisense.reasoning.loop.irony import find_praise, is_ironic, is_played_down
from omnisense.reasoning.loop.words import meant_words, read_typed, words_channel

IRONIC = (
    "Oh great, another Monday.",
    "Wonderful, my flight got cancelled again.",
    "Just what I needed, a flat tyre in the rain.",
    "Fantastic. The printer ate my thesis.",
    "What a lovely way to end the week, getting shouted at by a customer.",
    "I just love it when people cancel five minutes before.",
    "So glad I get to redo the whole report because somebody lost the file.",
)
SINCERE = (
    "Oh great, you are here!",
    "Wonderful, my flight is on time!",
    "Just what I wanted for my birthday: a bicycle.",
    "Fantastic! My thesis got the best grade.",
    "What a lovely way to end the week, dinner with old friends.",
    "Great, my fever is gone.",
    "Lovely day, but the train was late.",
    "So happy I get to work with such kind people.",
)


@pytest.mark.parametrize("text", IRONIC)
def test_praise_of_what_is_bad_is_not_meant(text):
    assert is_ironic(find_praise(text))


@pytest.mark.parametrize("text", SINCERE)
def test_praise_of_what_is_good_is_meant(text):
    praise = find_praise(text)
    assert praise is None or not is_ironic(praise)


def test_a_model_that_reads_the_occasion_is_heard():
    praise = find_praise("Great, the in-laws are coming.")
    assert not is_ironic(praise)
    assert is_ironic(praise, sentiment=-0.4)
    assert not is_ironic(find_praise("Yay, another medal!"), sentiment=0.5)


def test_praise_of_nothing_is_open_and_fine_alone_tells_little():
    assert find_praise("Just what I needed.").is_open
    assert not find_praise("Great!").is_open  # it answers what was said before
    assert not find_praise("Thanks a lot!").is_open
    assert is_played_down("It\u2019s fine, really.")
    assert not is_played_down("It's fine for me to come later.")


def joyful(transcript):
    """Read joy wherever there is praise, as a model does that takes words at their word."""
    glad = lambda text: 0.9 if find_praise(text) else 0.1  # noqa: E731
    rows = [Segment(0, 0, s.text, emotion=(glad(s.text), 1 - glad(s.text))) for s in transcript.segments]
    return Transcript("en", tuple(rows), "", emotion_labels=("joy", "neutral"))


def test_what_is_typed_in_irony_is_read_without_the_praise():
    text = "Oh great, another Monday."
    read = read_typed(text, joyful)
    assert [segment.text for segment in read.segments] == ["another Monday"]
    assert words_channel([], None, read).top == "neutral"
    assert meant_words(text, read) == "another Monday"
    sincere = read_typed("Oh great, you are here!", joyful)
    assert words_channel([], None, sincere).top == "joy"
    assert meant_words("Oh great, you are here!", sincere) == "Oh great, you are here!"


def test_what_is_spoken_in_irony_is_no_joy():
    said = joyful(Transcript("en", (Segment(0, 2, "Oh great, my flight got cancelled again."),), ""))
    event = Event("e1", 0, 2, "speech", "", "says", 1.0)
    channel = words_channel([event], said, None)
    assert channel is None or channel.top != "joy" or channel.reliability == 0


@pytest.mark.models
def test_the_default_agent_does_not_congratulate_to_another_monday():
    with Agent(memory=None) as agent:
        ironic, open_, sincere = (
            agent.respond(text=text) for text in (IRONIC[0], "Just what I needed.", "Oh great, you are here!")
        )
    assert ironic.appraisal.emotion.value != "joy"
    assert ironic.trace.reply.shape == "irony"
    assert open_.appraisal.emotion.value != "joy"
    assert open_.response.endswith("?")
    assert sincere.appraisal.emotion.value == "joy"
