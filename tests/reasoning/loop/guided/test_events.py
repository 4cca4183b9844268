"""What kind of event a message tells, and what the reply makes of it."""

import csv
import tomllib
from collections import Counter
from pathlib import Path

import pytest

from omnisense.perception.emotion.linear import LinearHead
from omnisense.reasoning.loop.guided import events
from omnisense.reasoning.loop.guided.act import HEAD
from omnisense.reasoning.loop.guided.events import EVENT_HEAD, EVENT_HEAD_AGAIN, MIXED, ORDINARY, _told
from omnisense.reasoning.loop.guided.phrases import events as sentences_of_events
from omnisense.reasoning.loop.guided.phrases import find_topics, phrases
from omnisense.reasoning.loop.guided.reading import Reading, read
from tests.reasoning.loop.guided.test_composing import reply

MESSAGES = Path(events.__file__).with_name("events.csv")


def told(text: str) -> Reading:
    return read(text, has_clip=False, has_history=False)


def scores(**named: float) -> dict[str, float]:
    labels = LinearHead.load(EVENT_HEAD).labels
    return dict.fromkeys(labels, 0.0) | {name.replace("_", " "): value for name, value in named.items()}


def test_every_event_has_messages_of_several_writers_and_sentences():
    with MESSAGES.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    kinds = {row["event"] for row in rows}
    assert set(LinearHead.load(EVENT_HEAD).labels) == set(LinearHead.load(EVENT_HEAD_AGAIN).labels) == kinds
    assert set(sentences_of_events()) == kinds - {ORDINARY, MIXED}
    assert all(len({row["writer"] for row in rows if row["event"] == kind}) >= 8 for kind in kinds)
    assert max(Counter(row["text"].lower() for row in rows).values()) == 1


def test_act_head_knows_the_acts_of_its_phrasings():
    acts = tomllib.loads(MESSAGES.with_name("phrasings.toml").read_text("utf-8"))
    assert set(LinearHead.load(HEAD).labels) == set(acts)


@pytest.mark.parametrize(
    ("found", "event", "lean"),
    [
        ({"success": 0.7, "mixed": 0.3}, "success", "positive"),
        ({"success": 0.4, "happy_event": 0.3, "ordinary": 0.3}, "", "positive"),
        ({"hurt": 0.4, "injustice": 0.3, "ordinary": 0.3}, "", "negative"),
        ({"success": 0.4, "hurt": 0.4, "ordinary": 0.2}, "", "neutral"),
        ({"success": 0.62, "ordinary": 0.38}, "", "neutral"),
        ({"ordinary": 0.9, "loss": 0.1}, ORDINARY, "neutral"),
        ({"mixed": 0.5, "success": 0.5}, MIXED, "neutral"),
    ],
)
def test_an_event_and_its_valence_are_told_from_the_probabilities(found, event, lean):
    assert _told(scores(**found), clear=0.6) == (event, lean)


@pytest.mark.models
@pytest.mark.parametrize("has_larger", [True, False])
@pytest.mark.parametrize(
    ("text", "valence"),
    [
        ("After seven years my brother called me last night. We talked till 1am.", "positive"),
        ("They said yes!! I'm getting the braces off on the 19th, two months early", "positive"),
        ("The airline lost my bag with my father's medals in it and the woman laughed", "negative"),
        ("They cut my hours again to 18 and the new boy gets 35, and I trained him", "negative"),
        ("We lost Pop on Tuesday. I keep going to text him the cricket score.", "negative"),
        ("Bought bread and stamps, and the number 12 is the one that stops at our place", "neutral"),
    ],
)
def test_valence_follows_from_what_happened(text, valence, has_larger, monkeypatch):
    if not has_larger:
        monkeypatch.setattr(events, "find_larger", lambda: None)
    elif events.find_larger() is None:
        pytest.skip("the larger embedding is not on this machine")
    read.cache_clear()
    assert told(text).valence == valence
    read.cache_clear()


@pytest.mark.models
def test_praise_of_what_is_bad_is_irony_without_a_word_for_trouble():
    text = "Great news everybody, I have been chosen to train the guy who will get the promotion I asked for."
    assert (told(text).manner, told(text).word) == ("ironic", "Great news everybody")
    assert told("Great news everybody, I passed the exam").manner == "plain"


@pytest.mark.models
def test_glad_and_sad_at_once_gets_neither_cheer_nor_pity():
    text = "dropped our youngest at college on saturday. so proud i could bust and then i cried in the car park"
    assert told(text).event == MIXED
    assert not [topic for topic, _ in find_topics(told(text)) if topic.valence == "positive"]
    answered = reply(text)
    assert "sorry" not in answered
    assert "!" not in answered
    assert answered.endswith("?")


@pytest.mark.models
@pytest.mark.parametrize(
    "text",
    [
        "missing my dog heaps. im on school camp til friday and nobody here gets it lol",
        "my friend Tash is over the moon, her adoption got approved, she rang me screaming at 7am hahaha",
        "my mom said no phone for a week because i lied about brushing my teeth, haha. im 12",
    ],
)
def test_laughter_beside_what_is_told_is_no_joke(text):
    assert told(text).act.name in ("telling", "feeling", "third person", "advice", "fact")


@pytest.mark.models
def test_what_is_shown_or_joked_about_is_no_event():
    assert read("This is my grandpa in 1961.", has_clip=True, has_history=False).event == ""
    joked = told("My bed and I love each other, but my alarm clock won't let us be together \U0001f602")
    assert joked.act.name == "joke"


def test_laughter_alone_answers_a_joke():
    assert told("haha good one").act.name == told("lol").act.name == "joke"


@pytest.mark.parametrize(
    "text",
    ["are you a grownup", "ar you a grown-up?", "are you a boy or a girl?", "NO grownups alowed. are you a grownup"],
)
def test_a_child_that_asks_is_told_that_it_is_a_program(text):
    assert "program" in reply(text)


@pytest.mark.parametrize(
    "text",
    [
        "are you an actual person or one of them robots? my grandson put you on my phone",
        "hi. are you a human too or what",
    ],
)
def test_whether_it_is_a_person_is_answered_whatever_else_is_told(text):
    assert "program" in reply(text)


@pytest.mark.models
def test_news_that_begins_with_a_riddle_is_no_joke():
    assert told("Guess who finally got the allotment!! 6 years on the list").act.name == "telling"


@pytest.mark.models
def test_an_ordinary_thing_gets_a_question_about_the_day():
    assert told("My husband and I take the 12 bus on Saturdays").event == ORDINARY
    answered = reply("My neighbour and I share a hedge trimmer, it lives in my shed from May to September")
    assert answered.rpartition(". ")[2] in phrases()["small talk"]["ask"]


@pytest.mark.parametrize(
    "text",
    [
        "I've been offered a fourth day at the library. But on Thursday I have my grandson. Would you take it?",
        "my flatmate eats my good cheese. is it petty to say something?",
    ],
)
def test_advice_is_asked_for(text):
    assert told(text).act.name == "advice"


def test_a_feeling_that_is_named_without_a_subject_is_a_bad_one():
    assert told("so jealous of my sister ngl. she gets a car").valence == "negative"
    assert told("not jealous at all").valence != "negative"


def test_someone_else_who_asked_it_is_left_to_the_story():
    assert told("My boss asked are you a man or a mouse and I left").act.name != "agent"


@pytest.mark.parametrize(
    "text",
    [
        "hows it goin. nothin much here",
        "Morning! 38 degrees here already. hows it going",
        "just waiting at the laundromat. whats up",
        "how are you going?",
    ],
)
def test_how_it_is_going_is_answered(text):
    assert "program" in reply(text)


def test_short_english_is_not_taken_for_german():
    assert told("im ok").language != "de"


def test_a_quick_dinner_is_asked_for():
    assert told("Need a quick dinner, I have 2 chicken thighs and half a cabbage").act.name == "help"
    assert told("love that my manager scheduled my review for friday 4:45").act.name != "help"
