"""Praise that its occasion contradicts is no joy."""

from dataclasses import replace

import pytest

from omnisense import Agent
from omnisense.perception.speech.confidence import UNSURE
from omnisense.perception.types import Event, Segment, Transcript
from omnisense.reasoning.loop.appraisal import EMOTIONS
from omnisense.reasoning.loop.guided.reading import read
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
    "Thanks a lot, now my screen is broken.",
    "Thanks for nothing, I failed because of you.",
    "Brilliant, the train is delayed again.",
    "Can't wait for another night shift.",
    "Absolutely fantastic, everyone was invited but me.",
    "Oh good, yet another bill.",
    "I love how nobody remembered my birthday.",
    "Great. My phone died.",
    "Yay, taxes.",
    "Nothing like a fever on the first day of holidays.",
    "Perfect, my car won't start.",
    "Oh great, it's raining again.",
    "Lovely, our flight got cancelled in the storm.",
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
    "Great, it didn't rain!",
    "Awesome, I can't wait!",
    "I can't wait to see you on Monday!",
    "Great, see you Monday.",
    "Great, our meeting is at ten.",
    "Good, nobody was hurt.",
    "Great, I lost five kilos!",
    "Awesome, I broke my record!",
    "I love it when it rains.",
    "Great! My audit passed.",
    "Thanks a lot for helping me with my broken laptop.",
    "Thanks a million, I was stuck for hours",
    "Thanks a lot, that really helped me with my taxes.",
    "How kind of you to wait for me in the rain.",
    "Great, the plumber fixed the leak.",
    "Excellent, I got a refund for my delayed flight.",
    "Good, the doctor says it isn't broken.",
    "Oh good, I thought I had lost my keys.",
    "Cool, I lost my fear of flying.",
    "So lucky I get to work from home when I am sick.",
    "Awesome, the exam was cancelled!",
    "Awesome, they delayed the deadline by a week!",
    "Good, let me know if the train is delayed.",
    "Great, could you look at my broken bike?",
    "Fantastic, the insurance pays for the stolen bike.",
    "Good, the police caught the man who stole my phone.",
    "Sweet, no meetings today!",
    "Great, I have Monday off.",
    "Great! But my train was cancelled, so I come later.",
    "Good day, my order is delayed.",
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


@pytest.mark.parametrize(
    "text", ["Great, I lost five kilos!", "Lovely, the storm missed us.", "Awesome, I broke my record!"]
)
def test_a_low_sentiment_alone_is_no_irony(text):
    assert not is_ironic(find_praise(text), sentiment=-0.3)  # what the model reads in these occasions


def test_a_name_belongs_to_thanks_only_at_the_end():
    assert find_praise("Thanks a lot, Tom.").phrase == "Thanks a lot, Tom"
    assert find_praise("Thanks a million, I was stuck for hours").phrase == "Thanks a million"


def test_only_english_is_looked_at():
    assert find_praise("Super, my flight was cancelled.", "de") is None
    for text in ("Super, ich hole dich ab!", "Super, du pain frais !"):
        assert read(text, False, False).manner == "plain"
        typed = read_typed(text, joyful)
        assert [segment.text for segment in typed.segments] == [text]
    even = tuple(1 / len(EMOTIONS) for _ in EMOTIONS)
    shipped = lambda t: replace(  # noqa: E731
        t, emotion_labels=EMOTIONS, segments=tuple(replace(s, emotion=even) for s in t.segments)
    )
    assert read_typed("Super, ich hole dich ab!", shipped).segments[0].confidence == UNSURE
    said = joyful(Transcript("", (Segment(0, 2, "Super, my flight was cancelled."),), ""))
    foreign = replace(said, language="de")
    event = Event("e1", 0, 2, "speech", "", "says", 1.0)
    assert words_channel([event], foreign, None).top == "joy"
    assert words_channel([event], said, None).top != "joy"


def test_long_runs_of_spaces_and_words_are_read_at_once():
    assert find_praise(f"Oh{' ' * 50_000}x") is None
    assert find_praise("just " * 10_000) is None


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


def test_only_what_is_meant_in_irony_is_replaced():
    fine = "I'm fine."
    assert meant_words(fine, read_typed(fine, joyful)) == fine  # how much that tells is for the policy
    first = " ".join(["We walked a long way."] * 9)
    ironic = "Oh great, my flight got cancelled and nobody told me about it until the very last minute at the gate."
    filler = [f"On day {day} we saw the sea and the hills and we ate fish in a small town." for day in range(200)]
    text = f"{first}\n{ironic}  {' '.join(filler)}"
    meant = meant_words(text, read_typed(text, joyful))
    assert "Oh great" not in meant
    assert all(sentence in meant for sentence in filler[4:])


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
