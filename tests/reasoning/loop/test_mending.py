"""A reply loses the sentences that bring a fault, where the rest still answers the person."""

import json

import pytest

from omnisense import Agent, ScriptedPolicy
from omnisense.reasoning.loop.appraisal import Draft, Fault
from omnisense.reasoning.loop.checks import ReplyContext, find_faults
from omnisense.reasoning.loop.mending import addressed, mend
from omnisense.reasoning.loop.state import LoopSettings

FIRST = "A fight at dinner is hard to forget. What was said?"


def mended(reply, raw="", is_asked=False, earlier=()):
    context = ReplyContext("", (), leads=True, earlier=earlier)
    draft = Draft(reply, "policy", raw=raw, faults=(Fault("x", "y", 0.5),))
    return mend(draft, lambda text: find_faults(text, context), is_asked)


@pytest.mark.parametrize(
    ("reply", "kept"),
    [
        ("It must hurt to hear that. You call her every day. It must hurt to hear that.",
         "It must hurt to hear that. You call her every day."),
        ("Tell her what you told me, and listen first. Then you could say,",
         "Tell her what you told me, and listen first."),
        ("First line of it.\n\nAnd a second one. And then,", "First line of it.\n\nAnd a second one."),
        ("I understand you. A fight at dinner is hard to forget. You were hurt and you said so.",
         "I understand you. You were hurt and you said so."),
    ],
)  # fmt: skip
def test_sentences_with_a_fault_are_left_out(reply, kept):
    assert mended(reply, earlier=[FIRST]).text == kept


@pytest.mark.parametrize(
    ("reply", "is_asked"),
    [
        (FIRST, False),
        ("To begin with your sister tomorrow, you could say,", False),
        ("A fight at dinner is hard to forget. How did it go on after that?", True),
        ("Yes. A fight at dinner is hard to forget.", False),
    ],
)
def test_a_reply_of_which_nothing_usable_remains_stays_for_a_second_look(reply, is_asked):
    left = mended(reply, is_asked=is_asked, earlier=[FIRST])
    assert left.text == reply
    assert left.faults


def test_later_prompts_show_what_the_person_was_told():
    raw = json.dumps(["sadness", "reflect", "Ça fait mal. Ça fait mal. Il ne l'a pas vu."])
    assert (
        json.loads(mended("Ça fait mal. Ça fait mal. Il ne l'a pas vu.", raw).raw)[-1]
        == "Ça fait mal. Il ne l'a pas vu."
    )
    assert mended("One thing is said. One thing is said. And another.", "no list").raw == ""


@pytest.mark.parametrize(
    ("reply", "said", "turned"),
    [
        ("I feel flat today. How come?", "I feel flat today. Not sad.", "You feel flat today. How come?"),
        ("I'm so angry I can't type well.", "im so angry i cant type wel", "You're so angry you can't type well."),
        ("It is fine, but I worry a lot.", "It is all fine, but I worry a lot.", "It is fine, but you worry a lot."),
        ("Dear boss, I am ill today.", "Write to my boss that I am ill today.", ""),
        ("I am sorry that you worry all day.", "I worry all day.", ""),
        ("I am a program. I hear you.", "Are you a program?", ""),
        ('You said "I feel flat today".', "I feel flat today.", ""),
        ("What could I do?", "What could I do?", ""),
        ("Je suis fatigué et je suis seul.", "Je suis fatigué et je suis seul.", ""),
    ],
)  # fmt: skip
def test_the_persons_own_words_are_said_to_them(reply, said, turned):
    assert addressed(reply, said) == (turned or reply)


def replies(*texts, said):
    policy = ScriptedPolicy([json.dumps(["sadness", "reflect", text]) for text in texts], repeat=False)
    agent = Agent(policy, memory=None, settings=LoopSettings())
    return [agent.respond(text=text, thread_id="t") for text in said], policy


def test_a_repeated_sentence_costs_no_second_prompt():
    said = ["We had a fight at dinner.", "She says I never help. That hurt."]
    answers, policy = replies(FIRST, f"She does not see your calls. {FIRST}", said=said)
    assert answers[-1].response == "She does not see your calls. What was said?"
    assert len(policy.calls) == 2
    assert any("left out" in note for note in answers[-1].trace.notes)


def test_a_reply_that_only_repeats_is_written_again_unless_the_same_is_asked():
    answers, policy = replies(
        FIRST, FIRST, "That hurt, and no wonder.", said=["We had a fight.", "She said I never help."]
    )
    assert answers[-1].response == "That hurt, and no wonder."
    assert len(policy.calls) == 3
    answers, policy = replies(FIRST, FIRST, said=["We had a fight.", "We had a fight."])
    assert answers[-1].response == FIRST
