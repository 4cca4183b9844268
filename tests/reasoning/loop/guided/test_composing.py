"""Replies of a guided policy: their shape follows from what the person does with their words."""

import functools
import json
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest

from omnisense import Agent, Persona, ScriptedPolicy
from omnisense.reasoning.loop.appraisal import Emotion
from omnisense.reasoning.loop.guided.act import HEAD, ActName
from omnisense.reasoning.loop.guided.compose import compose_reply
from omnisense.reasoning.loop.guided.emoji import emoji_words, is_emoji_only
from omnisense.reasoning.loop.guided.parts import Composed, Situation
from omnisense.reasoning.loop.guided.phrases import Picker, find_topics, phrases, split_sentences, topics
from omnisense.reasoning.loop.guided.reading import read
from omnisense.reasoning.loop.guided.restating import named, opposite_feelings, restate, restate_about
from omnisense.reasoning.loop.guided.scenes import Scene
from omnisense.reasoning.loop.guided.tone import _written_out, in_register, register_of
from omnisense.reasoning.loop.state import LoopSettings

INPUTS = Path(__file__).parents[4] / "benchmarks" / "agent" / "inputs.jsonl"


def answer(*turns, seed=0, **persona):
    """Return the response to the last of some typed turns."""
    settings = LoopSettings(guided=True, seed=seed, persona=Persona(**persona))
    agent = Agent(ScriptedPolicy(["x"]), memory=None, settings=settings)
    responses = [agent.respond(text=turn, thread_id="t") for turn in turns]
    return responses[-1]


def reply(*turns, **settings):
    return answer(*turns, **settings).response


@pytest.mark.parametrize(
    ("text", "act"),
    [
        ("Thanks a lot!", "thanks"),
        ("Tell me a joke", "joke request"),
        ("Are you a human being?", "agent"),
        ("hey", "greeting"),
        ("Bye for now", "goodbye"),
        ("Could you translate this for me?", "help"),
        ("What should I do about my flatmate?", "advice"),
        ("How many moons has Mars?", "fact"),
        ("You never answer me", "complaint"),
        ("My brother got fired", "third person"),
        ("...", "silence"),
        ("My boss shouted at me", "telling"),
        ("Recommend me a book about whales", "help"),
        ("Why won't you listen for once?", "complaint"),
        ("How does my voice sound?", "clip"),
        ("What do you call a bear without teeth? A gummy bear.", "joke"),
        ("Why do owls hoot", "fact"),
        ("Let's change the subject", "answer"),
        ("How do I let her know that I have seen it?", "advice"),
        ("How long does it take to boil rice? My aunt says an hour.", "fact"),
        ("I hate waiting. Why is everyone late?", "telling"),
        ("Do you get fed up with us?", "agent"),
        ("A small correction, if I may: it was May.", "correction"),
        ("I need a timetable for three subjects", "help"),
        ("What would you think over before you sign?", "advice"),
        ("What shall we talk about?", "small talk"),
    ],
)
def test_acts_are_read_from_patterns(text, act):
    assert read(text, has_clip=False, has_history=False).act.name == act


def test_questions_about_a_clip_and_corrections_need_what_they_are_about():
    assert read("How do I look?", has_clip=True, has_history=False).act.name == "clip"
    assert read("That's wrong, it was a cat", has_clip=False, has_history=True).act.name == "correction"
    assert read("That's wrong, it was a cat", has_clip=False, has_history=False).act.name != "correction"


@pytest.mark.parametrize(
    ("turns", "said"),
    [
        (("Do you see what I am holding?", "How do I sound?"), "picture, sound or video"),
        (("I'd rather not talk about it.",), "What would you like to talk about?|What is on your mind?"),
        (("Thanks for everything, good night!",), "Sleep well|sleep well"),
        (("How do I tell my sister that I cannot come?",), "in one or two sentences|say it early and plainly"),
        (("I only slept an hour.", "No, I never said I was ill. I said I am hungry."), "You said that you are hungry."),
        (("My friend Jo moved.", "You had her name wrong, she is called Joan."), "She is called Joan."),
        (("It is about the cat.", "Not my cat, my sister's cat."), "Your sister's cat, then."),
        (("I'm sick of always driving everyone.",), "You're fed up with always driving everyone"),
        (("We lost the game. Don't mind me.",), "you lost the game"),
        (("Lovely weather for a picnic, it pours 🙄",), '"Lovely"'),
        (("I love the new team, but the trip takes two hours.",), "you love the new team"),
        (("It is about the party.", "No, I said June, not July."), "June, then."),
        (("You are such a kind listener",), "welcome|glad|Any time"),
        (("Knock, knock!",), "Who is there?"),
        (("My back does not hurt any more!",), "What can you do again now?|How does that feel?"),
        (("We won, but she cried.",), "You won|you won"),
        (("What kind of food do you like?",), "I am a program|I have no likes"),
        (("Will you forget me?",), "machine that I run on"),
        (("Tell me a joke about bears",), "bears"),
        (("The party is off.", "I'm not sad, I'm just hungry."), "So you feel hungry."),
        (("We were told to wait. Never mind.",), "you were told to wait|You were told to wait"),
        (("Love it when the printer dies before lunch.",), '"Love it"'),
        (("I'm happy for them and I cried in the car.",), "you feel happy for them"),
        (("Help me with a toast for my boss",), "you know them|one true story"),
        (("Are there ghosts in the attic?",), "dark|night"),
        (("I have joined a choir in town.",), "a choir"),
        (("Our train to Oslo goes at noon.",), "Oslo"),
        (("The lamp in the hall is finally up.",), "The lamp in the hall|the lamp in the hall"),
        (("She threw my letters away. My own aunt.",), "threw your letters away"),
        (("The queue was 💀 today",), "exhausting"),
    ],
)
def test_replies_fit_what_is_asked_and_told(turns, said):
    text = reply(*turns)
    assert any(part in text for part in said.split("|")), text


@pytest.mark.models
@pytest.mark.parametrize(
    ("text", "event", "valence"),
    [
        ("My aunt's dog had to be put down, she still keeps its lead by the door", "loss", "negative"),
        ("My team won the regional final", "success", "positive"),
        ("My landlady keeps my post and will not give it back", "injustice", "negative"),
        ("I have my first day at the court tomorrow and my stomach hurts", "worry", "negative"),
        ("I had rice for dinner", "", "neutral"),
    ],
)
def test_kinds_of_events_are_read_where_they_are_clear(text, event, valence):
    found = read(text, has_clip=False, has_history=False)
    assert found.event in (event, "")  # in doubt nothing is said of it
    assert found.valence in (valence, "neutral")


@pytest.mark.models
def test_written_sentences_are_no_harm_and_a_clause_that_reads_as_harm_is_left_out():
    answered = answer("I've decided to stop drinking for a while.")
    assert answered.safety.reply_replaced is None
    assert "decide" in answered.response


@pytest.mark.models
def test_glad_words_stay_glad_where_the_gate_finds_strain_and_no_hint_of_a_risk():
    assert "good news" in reply("The scan was clear! I can breathe again.").lower() or "relief" in reply(
        "The scan was clear! I can breathe again."
    )


def test_an_event_without_a_topic_gets_its_own_sentences():
    plain = read("They gave my desk to the new one", has_clip=False, has_history=False)
    told = replace(plain, event="injustice", lean="negative", valence="negative")
    assert [topic.name for topic, _ in find_topics(told)] == ["injustice"]
    assert find_topics(replace(told, valence="positive")) == []


def test_gladness_of_the_person_is_not_told_of_another_clause():
    assert "lovely" not in reply("My cousin left today. I'm happy for him and the house is so quiet.")
    assert "lovely" not in reply("My daughter left for Peru. I'm happy for her and the rooms are so empty.")


def test_what_would_be_taken_for_harm_is_not_restated():
    text = reply("Here they put the bread in a bag and look past you. I do not know anybody.")
    assert "I want to be careful with you" not in text


def test_cheerful_sentences_need_positive_words():
    cheerful = phrases()["feeling"]["joy"]["react"]
    texts = ["Oh great, another Monday.", "Wonderful. My phone broke again.", "I miss my best friend.", "It's fine."]
    for text in [*texts, "My best friend lied to me.", "I should have won.", "I love him and he left me."]:
        assert not any(opening in reply(text) for opening in cheerful), text
    assert answer("I am so happy, I passed my exam!").trace.reply.shape.endswith("joy")


def test_irony_and_understatement_are_heard():
    assert answer("Oh great, another Monday.").trace.reply.shape == "irony"
    assert answer("It's fine. They left without me.").trace.reply.shape == "understatement"
    assert answer("I'm relieved and terrified.").trace.reply.shape == "mixed: two feelings named"


def test_devices_that_died_are_no_bereavement():
    pattern = next(topic.pattern for topic in topics() if topic.name == "bereavement")
    for text in ("My phone just died.", "My laptop has died", "My car battery finally died on me.", "It just died."):
        assert not pattern.search(text), text
    for text in ("My mom died.", "My dad has just died.", "In the car my dad died.", "My uncle, who raised me, died."):
        assert pattern.search(text), text


@pytest.mark.parametrize(
    ("clause", "back"),
    [
        ("I feel lonely since we moved", "you feel lonely since you moved"),
        ("I was late and my boss saw it", "you were late and your boss saw it"),
        ("my brother lost his job", "your brother lost his job"),
        ("my name is Tom", ""),
        ("I told you so", ""),
        ("because I am sad", ""),
        ("I just feel empty", "you feel empty"),
    ],
)
def test_only_clauses_that_stay_true_are_restated(clause, back):
    assert restate(clause) == back


def test_names_and_opposite_feelings():
    assert named("My name is Tom and I hate Mondays.") == "Tom"
    assert named("Hi, I'm Sarah") == "Sarah"
    assert named("I'm Happy about it") == ""
    assert opposite_feelings("I'm relieved but also scared") == ("relieved", "scared")
    assert opposite_feelings("I'm sad and scared") is None
    assert restate_about("they forgot my birthday") == "they forgot your birthday"


def test_a_name_is_not_told_as_news_and_is_remembered():
    first = reply("My name is Tom and I hate Mondays.")
    assert "Nice to meet you, Tom." in first
    assert "your name is" not in first
    assert "Tom" in reply("My name is Tom and I hate Mondays.", "What is my name?")


def test_the_agent_says_that_it_is_a_program():
    said = reply("Are you a real person?", name="Ada")
    assert "program" in said
    assert "Ada" in said
    assert "I do not drink." in reply("What can you do?", boundaries=("I do not drink.",))


def test_other_languages_are_answered_in_them_and_noted():
    response = answer("Mein Vater ist krank und ich habe Angst.")
    assert "Englisch" in response.response
    assert "krank" not in response.response
    assert any("English only" in note for note in response.trace.notes)
    assert "Swedish" in reply("Jag är så trött och jag vill inte mer idag.")
    assert any("'de'" in note for note in answer("I am tired.", language="de").trace.notes)


def test_emoji_are_words():
    assert emoji_words("\U0001f62d\U0001f62d \U0001f3e0") == "crying, house building"
    assert is_emoji_only("\U0001f62d !")
    assert not is_emoji_only("so sad \U0001f62d")
    assert "sorry" in reply("\U0001f62d\U0001f62d")


def test_corrections_are_taken():
    said = reply("My dog died.", "No, I didn't say that. It was my cat, not my dog.")
    assert "sorry" in said.lower()
    assert "your cat" in said
    assert "angry" in reply("My sister sold the ring.", "No, that's not it. I'm not sad, I'm angry.")


def test_replies_are_deterministic_and_do_not_repeat_themselves():
    assert reply("I feel so alone.") == reply("I feel so alone.")
    replies = [reply("I feel so alone.", seed=seed) for seed in range(8)]
    assert len(set(replies)) > 2
    twice = [reply("ok"), reply("ok", "ok")]
    assert twice[0] != twice[1]
    assert Picker("k", ["one."]).pick(["one.", "two."], "x") == "two."


@pytest.mark.parametrize(
    ("clause", "restated"),
    [
        ("I'm so angry", "you feel so angry"),
        ("I am really proud of my team", "you feel really proud of your team"),
        ("I'm afraid I lost it", "you're afraid you lost it"),
        ("I'm tired of waiting", "you feel tired of waiting"),
        ("I'm a nurse now", "you're a nurse now"),
    ],
)
def test_a_feeling_is_restated_so_that_it_is_no_reproach(clause, restated):
    assert restate(clause) == restated


@pytest.mark.models
def test_a_restated_feeling_is_not_taken_for_contempt():
    answered = answer("My boss shouted at me in front of everybody and I'm so angry.")
    assert answered.safety.reply_replaced is None
    assert "angry" in answered.response


def test_max_sentences_is_kept_and_the_question_with_it():
    long = reply("I feel so alone since we moved here.", max_sentences=2)
    assert long.count(".") + long.count("?") + long.count("!") <= 2


TONES = {
    "I got the job!": "joy",
    "hello": "greeting",
    "Thanks a lot!": "thanks",
    "My boss shouted at me in front of everybody and I'm so angry.": "anger",
    "My grandmother died on Sunday.": "grief",
    "Oh great, another Monday": "irony",
    "Tell me a joke": "joke",
    "Don't you see that my cat's ill? I can't sleep.": "worry",
}


@functools.cache
def warm_replies():
    return {text: [reply(text, seed=seed) for seed in range(2)] for text in TONES}


@pytest.mark.parametrize("tone", ["neutral", "formal and brief", "light-hearted"])
def test_the_tone_shows_in_composed_replies(tone):
    warm, toned = warm_replies(), {text: [reply(text, seed=seed, tone=tone) for seed in range(2)] for text in TONES}
    assert sum(warm[text] != toned[text] for text in TONES) >= 3
    for text, replies in toned.items():
        if "light" in tone:
            assert (replies != warm[text]) == (TONES[text] in ("joy", "greeting", "thanks", "joke"))
            assert len(split_sentences(replies[0])) <= Persona().max_sentences
        else:
            assert not any("!" in said for said in replies)


def test_a_formal_tone_writes_short_forms_out_but_not_what_is_quoted():
    assert (
        _written_out("I can't say that's wrong, and he's lost it.") == "I cannot say that is wrong, and he's lost it."
    )
    situation = Situation(None, True, Emotion(), None, "", "", Persona())
    said = Composed("You told me: \"I can't!\" Don't worry!", "memory: recalled")
    assert in_register(said, situation, "formal", Picker("k", [])).text == 'You told me: "I can\'t!" Do not worry.'


@pytest.mark.parametrize(
    ("tone", "register"),
    [
        ("warm and attentive", "warm"),
        ("friendly but formal", "formal"),
        ("Calm and brief", "neutral"),
        ("with humour", "playful"),
        ("sarcastic", None),
    ],
)
def test_a_tone_is_read_from_its_words(tone, register):
    assert register_of(tone) == register
    notes = " ".join(answer("I won!", tone=tone).trace.notes)
    assert ("stay warm" in notes) == (register is None)


def test_every_sentence_can_be_filled():
    filled = {"pet": "cat", "who": "your cat"}
    for topic in topics():
        for sentence in (*topic.say, *topic.ask, topic.idea, *topic.child_say, *topic.child_ask):
            sentence.format(**filled)
        assert topic.valence in ("positive", "negative", "any")
        assert topic.feeling in ("", *phrases()["feeling"])
    assert set(phrases()["restate"]) == {*phrases()["feeling"], "pair", "quoted", "quoted_glad"}


@pytest.mark.models
def test_acts_are_read_by_the_head_where_no_pattern_shows_them():
    from omnisense.perception.emotion.linear import LinearHead

    assert set(LinearHead.load(HEAD).labels) <= set(get_args(ActName))
    said = {
        "I could use a hand with my taxes, is that something for you?": "help",
        "In which year did the wall come down?": "fact",
        "Would it be better to wait until spring with the operation?": "advice",
        "Lately all I feel is dread": "feeling",
    }
    for text, act in said.items():
        assert read(text, has_clip=False, has_history=False).act.name == act, text


@pytest.mark.models
def test_shapes_are_many_and_none_is_everywhere():
    rows = [json.loads(line) for line in INPUTS.read_text("utf-8").splitlines()]
    rows = [row for row in rows if row["split"] == "tuning" and row["text"] and "clip" not in row]
    shapes = []
    for row in rows:
        draft = answer(*row.get("history", ()), row["text"]).trace.reply
        shapes.append(draft.shape)
        assert draft.score == 1.0 or draft.written_by == "safety gate", (row["text"], draft)
    assert len(set(shapes)) >= 10
    assert max(shapes.count(shape) for shape in set(shapes)) <= 0.2 * len(shapes)


# --- clips --------------------------------------------------------------------------------------------------

SCENE = Scene(
    people="I see one face, and I hear one person speaking.",
    looks="At first you looked sad, and later happy.",
    voice="Your voice sounds calm to me.",
    words='I hear: "Lay white by S0 again."',
    quote="Lay white by S0 again.",
    rest="",
    speakers=1,
    faces=1,
    is_image=False,
    language="en",
)


def of_scene(scene, text="", typed=True):
    reading = read(text, has_clip=typed, has_history=False) if text else None
    situation = Situation(reading, typed and bool(text), Emotion(), scene, "", "", Persona())
    return compose_reply(situation, Picker("k", []))


@pytest.mark.parametrize(
    ("question", "answer"),
    [
        ("How do I look?", SCENE.looks),
        ("Was I smiling?", SCENE.looks),
        ("What did I say?", SCENE.words),
        ("Does my voice sound okay?", SCENE.voice),
        ("How many people are there?", SCENE.people),
        ("What is happening in this clip?", f"{SCENE.people} {SCENE.looks} {SCENE.words}"),
    ],
)
def test_questions_about_a_clip_are_answered_from_what_was_perceived(question, answer):
    assert of_scene(SCENE, question).text == answer


def test_what_a_clip_does_not_show_is_not_claimed():
    call = replace(SCENE, people="I hear two people speaking.", speakers=2, faces=0, looks="")
    composed = of_scene(call, "You're Sheila and I am from Texas.", typed=False)
    assert composed.shape == "several people talk"
    assert composed.text.startswith("I hear two people speaking.")
    foreign = replace(SCENE, words="I hear speech.", quote="")
    assert of_scene(foreign, "These unfast inspersone.", typed=False).shape == "unclear words"
    assert "Englisch" in of_scene(replace(SCENE, language="de"), "Ich bin da.", typed=False).text
    assert of_scene(SCENE, "Lay white by S0 again.", typed=False).shape == "words that are quoted"
    assert of_scene(SCENE, "Thank you!").shape == "thanks"
    picture = replace(SCENE, is_image=True, faces=0, looks="", people="I see no faces in the picture.", speakers=0)
    assert "only make out faces" in of_scene(picture).text


def test_what_is_told_beside_a_picture_is_said_again():
    assert "So this is your first bicycle." in of_scene(SCENE, "This is my first bicycle.").text
    assert "So " not in of_scene(SCENE, "Look at my bicycle!").text
