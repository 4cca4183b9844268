"""Looking again: the tools, the loop of model and tools, retrieval for guided policies, and the budget."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from langchain_core.tools import tool

from omnisense import Agent, ScriptedPolicy
from omnisense.perception.media.clip import open_clip
from omnisense.perception.percepts import Percepts, Provenance
from omnisense.perception.types import (
    AudioEvent,
    AudioStream,
    ClipInfo,
    Missing,
    PersonSummary,
    Prosody,
    Segment,
    Span,
    Transcript,
    Utterance,
    VisualStream,
    Word,
)
from omnisense.reasoning.answers.answerer import Answerer, AnswerSettings
from omnisense.reasoning.answers.question import Question
from omnisense.reasoning.loop.choice_answer import ChoiceAnswer
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.look import LookAgain
from omnisense.reasoning.loop.notes import Note
from omnisense.reasoning.loop.retrieval import find_windows
from omnisense.reasoning.loop.state import LoopSettings, count_tokens, initial_state
from omnisense.reasoning.loop.tools import ClipTools
from omnisense.reasoning.policies.messages import message, text_of
from omnisense.reasoning.profile import PolicyProfile

DEMO = Path(__file__).resolve().parents[3] / "agent" / "demo.mp4"
LEADS = LoopSettings(profile=PolicyProfile("test", leads=True))
GUIDED = LoopSettings(profile=PolicyProfile("test", leads=False))
TOPICS = {
    310.0: "My sister has been ill since Friday.",
    1205.0: "We bought a small house by the sea.",
    2400.0: "The dog ran away from us in the park.",
    3300.0: "I am so proud that she passed her exam.",
}


def hour_percepts(path="hour.mp4"):
    """An hour in which somebody says something dull every 20 s, and something memorable four times."""
    said = {float(at): f"Then item {at} of the long list was checked." for at in range(20, 3600, 20)} | TOPICS
    segments, utterances = [], []
    for at, text in sorted(said.items()):
        words = tuple(Word(word, at + 0.3 * i, at + 0.3 * i + 0.25) for i, word in enumerate(text.split()))
        segments.append(Segment(at, at + 4, text, words, speaker="voice-1"))
        emotion = (0.9, 0.1) if at == 2400.0 else (0.1, 0.9)
        utterances.append(Utterance(at, at + 4, Prosody(), "voice-1", emotion))
    return Percepts(
        ClipInfo(path, "video", 3600.0, 0.0, 320, 180, 25.0, "h264", "aac", ""),
        VisualStream((0.0,), 320, 180, (), (0.0,), ()),
        AudioStream(
            3600.0,
            (Span(20.0, 24.0),),
            (),
            tuple(utterances),
            (),
            Prosody(),
            events=(AudioEvent(1207.0, 1208.0, "laughter-like"),),
            emotion_labels=("sadness", "neutral"),
        ),
        Transcript("en", tuple(segments), "test"),
        people=(PersonSummary("person-1", "the person on the left", (), "voice-1", 700.0, 900),),
        provenance=Provenance("test"),
    )


HOUR = hour_percepts()


def never(clip, streams):
    raise AssertionError("nothing is perceived again here")


def tools_on(percepts, turns=(), notes=(), perceive=never):
    return {t.name: t for t in ClipTools(percepts, turns, notes, perceive).tools()}


def call(made, name, **arguments):
    return made[name].invoke({"type": "tool_call", "id": "1", "name": name, "args": arguments})


def calls(*requests):
    return "\n".join(json.dumps({"tool": name, "arguments": arguments}) for name, arguments in requests)


# --- the tools ----------------------------------------------------------------------------------------------


def test_read_gives_words_with_times_and_spans_that_can_be_cited():
    told = call(tools_on(HOUR), "read", start_s=2398, end_s=2410)
    assert told.content.startswith('read1 [2400.0-2404.0s] the person on the left says: "The dog ran away')
    assert "dog@2400.3" in told.content
    assert (told.artifact[0].id, told.artifact[0].start_s) == ("read1", 2400.0)
    assert "item" not in call(tools_on(HOUR), "read", start_s=2401, end_s=2404).content


def test_listen_tells_tone_and_sounds():
    made = tools_on(HOUR)
    assert "in a tone of sadness (0.90)" in call(made, "listen", start_s=2399, end_s=2405).content
    assert "laughter-like" in call(made, "listen", start_s=1200, end_s=1210).content


def test_results_are_numbered_on():
    made = tools_on(HOUR)
    first = call(made, "read", start_s=300, end_s=315).artifact
    second = call(made, "read", start_s=1200, end_s=1210).artifact
    assert len({span.id for span in (*first, *second)}) == len(first) + len(second)


@pytest.mark.parametrize(
    ("name", "arguments", "reason"),
    [
        ("read", {"start_s": 3700, "end_s": 3710}, "not inside the clip"),
        ("listen", {"start_s": 20, "end_s": 10}, "not inside the clip"),
        ("look", {"start_s": 0, "end_s": 600}, "at most 20 s"),
        ("look", {"start_s": 0, "end_s": 5, "region": "behind"}, "no region"),
    ],
)
def test_a_call_that_cannot_be_made_is_told(name, arguments, reason):
    told = call(tools_on(HOUR), name, **arguments)
    assert told.status == "error"
    assert reason in told.content


def test_recall_needs_a_conversation():
    assert "recall" not in tools_on(HOUR)
    turns = [Turn("My sister Maria lives in Porto.", "", None, "I see.")]
    made = tools_on(None, turns, [Note(1, 0, "my dog is called Rex")])
    assert list(made) == ["recall"]
    told = call(made, "recall", query="the name of the dog")
    assert "Rex" in told.content
    assert (told.artifact[0].id, told.artifact[0].start_s) == ("recall1", None)


@pytest.mark.models
def test_look_perceives_the_window_more_densely(perception):
    percepts = perception.perceive(DEMO)
    made = tools_on(percepts, perceive=perception.perceive_closely)
    told = call(made, "look", start_s=1.0, end_s=4.0)
    assert told.artifact
    assert all(1.0 <= span.start_s <= span.end_s <= 4.1 for span in told.artifact)
    assert "looks" in told.content
    seen = perception.perceive_closely(open_clip(DEMO)[1.0:4.0], ("visual",))
    assert len(seen.visual.times_s) == 15
    assert isinstance(seen.audio, Missing)
    elsewhere = call(made, "look", start_s=1.0, end_s=4.0, region="0,0,0.1,0.1")
    assert "no face is visible" in elsewhere.content
    assert "visible" in call(made, "who", start_s=1.0, end_s=4.0).content


# --- a leading policy ---------------------------------------------------------------------------------------


def look_with(replies, settings=LEADS, own=(), question="What happened to the dog?", percepts=HOUR):
    policy = ScriptedPolicy(replies)
    look = LookAgain(policy, settings, never, own)
    return look.run(question, percepts, percepts.render(300)), policy


@pytest.mark.models
def test_a_leading_policy_searches_then_reads():
    replies = [
        calls(("search", {"query": "the dog"})),
        calls(("read", {"start_s": 2398, "end_s": 2406}), ("listen", {"start_s": 2398, "end_s": 2406})),
    ]
    looked, policy = look_with(replies)
    assert any("dog ran away" in span.text and span.start_s == 2400.0 for span in looked.spans)
    assert any(span.id == "read1" for span in looked.spans)
    assert any("sadness" in span.text for span in looked.spans)
    assert len(policy.calls) == 2  # max_looks
    assert "dog ran away" in str(policy.calls[1])  # it was told what the search found
    assert looked.tokens > 0
    assert looked.windows == ((2398.0, 2406.0), (2398.0, 2406.0))


def test_a_multiple_choice_question_counts_what_looking_again_took():
    text = "Which animal ran away?\nA. the dog\nB. the cat\nAnswer with the letter only."
    percepts, asked = hour_percepts(), calls(("read", {"start_s": 2398, "end_s": 2406}))
    policy = ScriptedPolicy([asked, "DONE", "A"])
    look = LookAgain(policy, LEADS, never)
    state = {**initial_state(open_clip(DEMO), text), "percepts": percepts}
    found = ChoiceAnswer(policy, LEADS, look).node(state)
    assert [span.id for span in found["looked"]] == ["read1"]
    assert len(policy.calls) == 3
    assert found["spent_tokens"] > count_tokens([policy.calls[-1]], ["A"]) + count_tokens((), [asked, "DONE"])


def test_rounds_end_when_the_policy_knows_enough():
    looked, policy = look_with([calls(("read", {"start_s": 2398, "end_s": 2406})), "DONE"])
    assert len(policy.calls) == 2
    assert [span.id for span in looked.spans] == ["read1"]
    looked, policy = look_with(["DONE"])
    assert (looked.spans, len(policy.calls)) == ((), 1)


def test_what_is_wrong_with_a_call_is_told_to_the_policy():
    replies = [calls(("read", {"start_s": 9000, "end_s": 9001}), ("smell", {})), "DONE"]
    looked, policy = look_with(replies)
    assert looked.spans == ()
    assert "not inside the clip" in str(policy.calls[1])
    assert "There is no tool" in str(policy.calls[1])


def test_own_tools_are_offered_and_their_failures_told():
    @tool
    def weather(place: str) -> str:
        """Tell the weather."""
        if place == "Mars":
            raise ValueError("no such place")
        return f"It rains in {place}."

    requests = calls(("weather", {"place": "Leeds"}), ("weather", {"place": "Mars"}))
    looked, policy = look_with([requests, "DONE"], own=[weather])
    assert [(span.id, span.text, span.start_s) for span in looked.spans] == [("weather1", "It rains in Leeds.", None)]
    assert "no such place" in str(policy.calls[1])
    assert LookAgain(policy, LEADS, never, [weather]).is_needed("hello", None)


# --- a guided policy ----------------------------------------------------------------------------------------


@pytest.mark.models
@pytest.mark.parametrize(
    ("question", "at_s"),
    [
        ("What happened to their pet?", 2400.0),
        ("Who in the family is sick?", 310.0),
        ("What did they buy near the ocean?", 1205.0),
        ("Which test went well?", 3300.0),
    ],
)
def test_a_guided_policy_gets_the_window_that_a_search_finds(question, at_s):
    windows, note = find_windows(HOUR, question)
    assert note == ""
    assert windows[0].start_s <= at_s <= windows[0].end_s
    assert abs(sum(window.share for window in windows) - 1) < 1e-6
    policy = ScriptedPolicy()
    looked = LookAgain(policy, GUIDED, never).run(question, HOUR, "")
    assert any(span.start_s == at_s for span in looked.spans)
    assert policy.calls == []  # an unmeasured guided policy has no say, and costs nothing


@pytest.mark.models
def test_a_measured_guided_policy_chooses_among_the_windows():

    def choose(prompt, options):
        lines = text_of(prompt[0]).splitlines()
        return next(line[0] for line in lines if "house" in line and line[1] == ".")

    policy = ScriptedPolicy(choices=choose)
    profile = PolicyProfile("test", "measured", leads=False, weights={"window": {"policy": 3.0}})
    look = LookAgain(policy, LoopSettings(profile=profile, max_looks=1), never)
    looked = look.run("What about the dog or the house?", HOUR, "")
    assert any("house" in span.text for span in looked.spans)
    assert len(policy.calls) == 1


@pytest.mark.models
def test_a_question_about_an_hour_is_answered_from_the_window_that_was_looked_at():
    question = Question("In what tone is it said that the dog ran away in the park?", "one", ("A. sad", "B. neutral"))
    answerer = Answerer(
        ScriptedPolicy(), AnswerSettings(profile=GUIDED.profile), LookAgain(ScriptedPolicy(), GUIDED, never)
    )
    looked = answerer.look_again(question, HOUR)
    assert any(start_s <= 2400.0 <= end_s for start_s, end_s in looked.windows)
    prepared = answerer.prepare(question, [message("user", question.text)], HOUR, looked=looked)
    assert "Looked at again:" in text_of(prepared.prompt[0])
    assert answerer.answer_all([prepared])[0].value == "A"
    short = replace(HOUR, clip=replace(HOUR.clip, duration_s=60.0))
    assert answerer.look_again(question, short).windows == ()


# --- when it is worth it ------------------------------------------------------------------------------------


def test_ordinary_turns_cost_nothing(perception):
    look = LookAgain(ScriptedPolicy(), LEADS, never)
    assert not look.is_needed("How do I look?", None)
    assert not look.is_needed("", HOUR)
    assert look.is_needed("What did they buy?", HOUR)
    off = LoopSettings(profile=LEADS.profile, max_looks=0)
    assert not LookAgain(ScriptedPolicy(), off, never).is_needed("What did they buy?", HOUR)


@pytest.mark.models
def test_a_short_clip_is_looked_at_again_only_on_request(perception):
    percepts = perception.perceive(DEMO)
    look = LookAgain(ScriptedPolicy(), LEADS, never)
    assert not look.is_needed("How do I look?", percepts)
    assert look.is_needed("Look again: what is my face like at 0:03?", percepts)


@pytest.mark.models
def test_the_agents_answer_cites_what_it_looked_at(tmp_path):
    class Hour:
        def perceive(self, clip, on_stream=None):
            return HOUR

        open = staticmethod(open_clip)
        perceive_closely = staticmethod(never)
        add_text_emotion = staticmethod(lambda transcript: transcript)

    answer = {
        "emotion": "sadness",
        "cites": ["read1", "e99999"],
        "reply": "The dog ran away from you in the park.",
        "remember": ["has a dog"],
    }
    policy = ScriptedPolicy([calls(("read", {"start_s": 2398, "end_s": 2406})), "DONE", json.dumps(answer)])
    with Agent(policy, perception=Hour(), memory=None, settings=LEADS) as agent:
        response = agent.respond(DEMO, "What happened to the dog?", thread_id="t")
        assert agent.notes("t") == (Note(1, 0, "has a dog"),)
    assert [span.id for span in response.appraisal.context.evidence] == ["read1"]
    assert response.appraisal.context.evidence[0].start_s == 2400.0
    assert response.trace.looked[0].id == "read1"
    assert "look_again" in response.timings_s
    assert response.from_dict(response.to_dict()) == response
