"""What composed replies take from a person's words: shorthand written out, things, questions and requests."""

import pytest

from omnisense.reasoning.loop.guided.noun_phrases import noun_phrases
from omnisense.reasoning.loop.guided.reading import read
from omnisense.reasoning.loop.guided.restating import has_subject, restate, restate_about
from omnisense.reasoning.loop.guided.rewording import (
    drafted_message,
    in_other_words,
    indirect_question,
    one_way,
    two_ways,
    wanted,
)
from omnisense.reasoning.loop.guided.shorthand import written_out


@pytest.mark.parametrize(
    ("typed", "full"),
    [
        ("im so tired and i dont know why", "I'm so tired and i don't know why"),
        ("r u there? idk tbh", "are you there? I don't know"),
        ("its fine, the dog hurt its paw", "it's fine, the dog hurt its paw"),
        ("cant wait 4 tmrw", "can't wait 4 tomorrow"),
        ("Dont ask. The ID and the US are fine", "Don't ask. The ID and the US are fine"),
        ("ask @ur or tom@u.com", "ask @ur or tom@u.com"),
        ("ill be there, were late, well done", "ill be there, were late, well done"),
        ("我今天很累", "我今天很累"),
    ],
)  # fmt: skip
def test_shorthand_is_written_out(typed, full):
    assert written_out(typed) == full


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("My flatmate leaves dirty plates in the sink", ["your flatmate", "the sink"]),
        ("The neighbours have cut down our old hedge", ["your old hedge", "The neighbours".lower()]),
        ("it makes a noise like a kettle", ["the noise"]),
        ("I had a lot of time for the whole thing", []),
        ("her new nails, and the engineer's late", ["her new nails", "the engineer"]),
    ],
)
def test_noun_phrases_end_where_the_sentence_goes_on(text, found):
    assert noun_phrases(text) == found


@pytest.mark.parametrize(
    ("clause", "you"),
    [
        ("got the job", "you got the job"),
        ("so nervous my hands are shaking", "you feel so nervous"),
        ("Restless", "you feel restless"),
        ("tired of all this", "you feel tired"),
        ("my best friend didn't", ""),
        ("i don't like it", ""),
        ("third Saturday in a row I get to spend here", ""),
    ],
)
def test_clauses_without_a_subject(clause, you):
    assert restate(clause) == you


def test_a_long_clause_is_said_again_up_to_its_and():
    long = "my sister wore my new coat to a party and spilled red wine on it and says that I'm overreacting again"
    assert restate_about(long) == "your sister wore your new coat to a party"
    assert restate_about("SHE SAID YES") == "she said yes"
    assert has_subject("Nora says so")
    assert not has_subject("on the ferry, in the rain")


@pytest.mark.parametrize(
    ("question", "clause"),
    [
        ("why do owls hoot at night", "why owls hoot at night"),
        ("How long does it take to Mars? Just curious.", "how long it takes to Mars"),
        ("What's the difference between jam and jelly?", "the difference between jam and jelly"),
        ("how come my tea goes cold so fast", "why your tea goes cold so fast"),
        ("How many bones are there in a hand?", "how many bones there are in a hand"),
        ("who painted the Night Watch, my aunt asked", "who painted the Night Watch"),
        ("why is the sky blue?", "why the sky is blue"),
        ("where can bees sleep?", "where bees can sleep"),
        ("When did the war end?", ""),
        ("I am tired.", ""),
    ],
)
def test_a_question_becomes_a_clause_or_nothing(question, clause):
    assert indirect_question(question) == clause


@pytest.mark.parametrize(
    ("text", "ways"),
    [
        ("Do I say something or let it go??", ("say something", "let it go")),
        ("I don't know whether to ring everyone, or wait.", ("ring everyone", "wait")),
        ("torn between the flat in town and my old room", ("the flat in town", "your old room")),
        ("Should I go or not?", None),
        ("Should I go?", None),
    ],
)
def test_two_ways_to_choose_from(text, ways):
    assert two_ways(text) == ways


def test_one_way_to_decide_on():
    assert one_way("should i text my ex back?? he wrote") == "text your ex back"
    assert one_way("Do you think I should take up the cello again at sixty?") == "take up the cello again at sixty"
    assert one_way("Should I tell our neighbour that his gate was open all night?").endswith("was open all night")
    assert one_way("What do you think I should do now?") == ""
    assert one_way("I have texted my ex") == ""


@pytest.mark.parametrize(
    ("request_", "draft"),
    [
        ("can you write my teacher an email that i need two more days",
         "Dear teacher, I need two more days. Thank you for understanding."),
        ("Write a note to my neighbour asking him not to park his car here.",
         "Dear neighbour, could you please not park your car here? I would be very grateful."),
        ("Write a poem about my cat", ""),
        ("help me write a message", ""),
    ],
)  # fmt: skip
def test_a_message_is_drafted_where_the_person_says_what_it_is_to_say(request_, draft):
    assert drafted_message(request_) == draft


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("how do i make her like me again", "advice"),
        ("How do I say no without a quarrel?", "advice"),
        ("What can I cook with two eggs", "help"),
        ("Do you actually remember what I told you last week?", "agent"),
        ("Sorry, that was unclear. I meant the other Cambridge.", "correction"),
        ("you got that backwards, I'm the one who left", "correction"),
        ("whatcha up to", "small talk"),
        ("who painted the Night Watch, my aunt asked and I had no idea", "fact"),
        ("Why don't skeletons fight? They haven't got the guts!", "joke"),
        ("You've been a great help this week", "thanks"),
        ("Passed my test today. My husband baked a cake with a flag on it.", "telling"),
    ],
)
def test_what_is_asked_in_other_words_is_the_same_act(text, act):
    assert read(text, has_clip=False, has_history=False).act.name == act


@pytest.mark.parametrize(
    ("asked", "it"),
    [
        ("Can you write a note for my son's teacher Mrs. Lee?", "a note for your son's teacher Mrs Lee"),
        ("grocery list for 4 dinners for us, no fish", "a grocery list for 4 dinners for you"),
        ("write text to my landlord mr Hall. the sink leaks", "a text to your landlord mr Hall"),
        ("give me two opening lines for friday", "two opening lines for friday"),
        ("Make me a plan I can tape up in the hall.", "a plan you can tape up in the hall"),
        ("help me write email to my boss, I am ill", "an email to your boss"),
        ("Can you make it stretch?", ""),
    ],
)
def test_what_is_to_be_written_is_named(asked, it):
    assert wanted(asked) == it


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("How do I stop them going down, please", "how to stop them going down"),
        ("should i quit the choir. we sing on fridays", "whether to quit the choir"),
        ("how far away is the moon, my kid asked and i said far", '"how far away is the moon"'),
        (
            "what is the difference between York, Leeds and Hull?",
            '"what is the difference between York, Leeds and Hull"',
        ),
        ("What would you do?", '"What would you do"'),
    ],
)
def test_what_is_asked_is_named_in_other_words_or_quoted(asked, words):
    assert in_other_words(asked) == words
