"""Notes of what a person told, and what a question recalls, over the turns of a conversation."""

import sqlite3

import pytest

from omnisense import Agent, InputError, ScriptedPolicy
from omnisense.agent.memory import open_memory
from omnisense.agent.rows import PendingTurn
from omnisense.reasoning.loop.conversation import Turn, recall, recall_turns
from omnisense.reasoning.loop.notes import Note, find_facts, is_name
from omnisense.reasoning.loop.prompts import short_history
from omnisense.reasoning.policies.messages import text_of

REPLY = "I hear you, and it sounds like a lot to hold."


def turns_of(*said):
    return [Turn(text, text, None, REPLY) for text in said]


SAID = turns_of(
    "My name is Ana and my dog Rex died.",
    "The weather is bad.",
    "Should I get a new puppy?",
    "I have an exam in chemistry on Friday.",
    "My sister Maria lives in Porto.",
)


@pytest.mark.models
@pytest.mark.parametrize(
    ("asked", "turn"),
    [
        ("And what did I say first?", 0),
        ("Do you remember my pet?", 0),
        ("Where does my sister live? Do you remember?", 4),
        ("When is my test?", 3),
        ("Where does my sister live?", 4),
        ("What did I just say?", 4),
        ("Did I tell you that it rains?", 1),
        ("remind me what I told you about a puppy", 2),
    ],
)
def test_a_question_recalls_by_meaning(asked, turn):
    assert recall(SAID, asked) == SAID[turn].heard


@pytest.mark.parametrize("asked", ["Is it raining?", "I remember my dog", "How do I boil an egg?", "What's the time?"])
def test_other_messages_recall_nothing(asked):
    assert recall(SAID, asked) == ""


@pytest.mark.models
def test_what_was_never_said_is_not_recalled():
    assert recall(SAID, "What is my cat called?") == ""
    assert recall(SAID, "Did I tell you about my boss?") == ""
    assert recall(SAID, "Where did my life go wrong?") == recall(SAID, "What does my boss want from me?") == ""
    assert recall_turns(SAID, (), "my job") == ([], "")


def test_the_latest_name_is_the_name():
    notes = [Note(1, 0, "My name is Ana"), Note(4, 3, "My name is Anna")]
    assert recall(SAID, "What's my name?", notes) == "My name is Anna"


@pytest.mark.parametrize(
    "text",
    [
        "My name is Ana.",
        "Call me Ana.",
        "You can call me ana, please.",
        "I'm called Ana.",
        "Everyone calls me Ana.",
        "I go by Ana.",
    ],
)
def test_a_name_is_told(text):
    assert [is_name(fact) for fact in find_facts(text)] == [True]


@pytest.mark.parametrize(
    "text",
    [
        "She didn't call me back.",
        "My boss will call me tomorrow.",
        "Please call me later today.",
        "Call me crazy, but I am tired.",
        "They call me names at school.",
        "People call me lazy.",
        "I go by bus.",
        "My name is on the list.",
    ],
)
def test_what_only_sounds_like_a_name_replaces_none(text):
    assert not any(is_name(fact) for fact in find_facts(text))
    notes = [Note(1, 0, "My name is Ana"), *(Note(2, 1, fact) for fact in find_facts(text))]
    assert recall([*SAID, *turns_of(text)], "What's my name?", notes) == "My name is Ana"


def test_a_question_about_earlier_questions_is_no_answer_to_the_next():
    asked = turns_of("I had a bad day.", "What did I say first?")
    assert recall(asked, "What did I say last?") == "I had a bad day."


@pytest.mark.parametrize(
    ("text", "facts"),
    [
        ("My name is Tom and I hate Mondays.", ("My name is Tom", "I hate Mondays")),
        ("my sister Ana is ill", ("my sister Ana is ill",)),
        ("I start a new job on Monday.", ("I start a new job on Monday",)),
        (
            "Tomorrow is my exam. I work as a nurse, and I live in York.",
            ("Tomorrow is my exam", "I work as a nurse", "I live in York"),
        ),
        ("Do you think my brother is right?", ()),
        ("If my sister was here I would cry.", ()),
        ("I'm a bit tired of it all.", ()),
        ("Oh great, another Monday", ()),
    ],
)
def test_facts_are_the_persons_own_words(text, facts):
    assert find_facts(text) == facts


def test_notes_are_kept_with_their_turn_and_deleted(tmp_path, run_cli):
    file = tmp_path / "m.sqlite"
    with Agent(ScriptedPolicy([REPLY]), memory=file) as agent:
        agent.respond(text="I am so tired.", thread_id="t")
        agent.respond(text="My name is Ana and my sister Bea is ill.", thread_id="t")
        agent.respond(text="my name is Ana", thread_id="t")
        assert agent.notes("t") == (Note(1, 1, "My name is Ana"), Note(2, 1, "my sister Bea is ill"))
        assert agent.notes("other") == ()
        agent.forget_note("t", 2)
        with pytest.raises(InputError, match="no note 2"):
            agent.forget_note("t", 2)
    with Agent(ScriptedPolicy([REPLY]), memory=file) as agent:
        agent.respond(text="Now my name is Anna.", thread_id="t")
        assert [note.text for note in agent.notes("t")] == ["Now my name is Anna"]
        assert len(agent.history("t")) == 4
    ran = run_cli("notes", "--thread", "t", "--memory", file)
    assert (ran.returncode, ran.stdout) == (0, "  2  turn 4    Now my name is Anna\n")
    assert run_cli("notes", "--thread", "t", "--memory", file, "--delete", 7).returncode == 2
    assert "no notes" in run_cli("notes", "--thread", "t", "--memory", file, "--delete", 2).stdout


def test_a_database_without_notes_gets_their_table(tmp_path):
    file = tmp_path / "m.sqlite"
    memory = open_memory(file)
    memory.finish("t", memory.begin("t", PendingTurn("hello", None)), SAID[0])
    memory.close()
    with sqlite3.connect(file) as database:
        database.execute("DROP TABLE omnisense_notes")
    memory = open_memory(file)
    memory.finish("t", memory.begin("t", PendingTurn("hello", None)), SAID[1], ["I live in York \0 \ud800"])
    conversation = memory.load("t")
    assert len(conversation.turns) == 2
    assert conversation.notes == (Note(1, 1, "I live in York \0 \ud800"),)
    memory.close()


def test_a_turn_with_a_risk_leaves_no_notes():
    with Agent(ScriptedPolicy([REPLY]), memory=None) as agent:
        response = agent.respond(text="My name is Ana and I want to kill myself.", thread_id="t")
        assert response.safety.escalate
        assert agent.notes("t") == ()


@pytest.mark.models
def test_the_readme_example_recalls_what_was_said_first():
    with Agent(ScriptedPolicy([REPLY]), memory=None) as agent:
        agent.respond(text="How did I do?", thread_id="ana")
        agent.respond(text="I was nervous about the talk.", thread_id="ana")
        response = agent.respond(text="And what did I say first?", thread_id="ana")
        assert response.appraisal.context.recalled == "How did I do?"


def test_a_small_policy_gets_the_latest_turns_shortened():
    turns = turns_of("hello", "word " * 50, "I am tired.")
    history = short_history(turns)
    assert [m["role"] for m in history] == ["user", "assistant"] * 2
    assert len(text_of(history[0]).split()) == 31  # and an ellipsis
    assert text_of(history[2]) == "I am tired."
    assert short_history([]) == []
