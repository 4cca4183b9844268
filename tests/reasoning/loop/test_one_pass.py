"""A leading policy writes the appraisal and the reply in one pass, and what it writes is checked."""

import json

import pytest

from omnisense import Agent, InputError, ScriptedPolicy
from omnisense.agent.events import Token
from omnisense.reasoning.loop.appraisal import SafetyFinding
from omnisense.reasoning.loop.conversation import Turn
from omnisense.reasoning.loop.emotion_set import EmotionSet
from omnisense.reasoning.loop.extensions import Node
from omnisense.reasoning.loop.leading_prompts import history_messages, notes_to_show
from omnisense.reasoning.loop.notes import Note
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.loop.written_turn import ReplyStreamer, read_turn, short_needs, turn_items, turn_schema
from omnisense.reasoning.persona import Persona
from omnisense.reasoning.policies.messages import text_of

GOOD = "Three hours is very little sleep. No wonder everything feels heavy today."


SHORT, LONG = turn_items(cites=False, context=False), turn_items(cites=False, context=True)


def turn(reply=GOOD, emotion="sadness: worn out", strategy="validate", **more):
    """What a leading policy writes to a short message; with ``context``, ``need``, ``cites`` ... if given."""
    values = {"emotion": emotion, "strategy": strategy, "reply": reply, **more}
    return json.dumps([values[item] for item in turn_items(cites=True, context=True) if item in values])


def respond(*replies, text="I have slept three hours.", **settings):
    policy = ScriptedPolicy(replies, repeat=False)
    return Agent(policy, memory=None, settings=LoopSettings(**settings)).respond(text=text), policy


def test_one_call_makes_the_whole_turn():
    response, policy = respond(turn())
    appraisal = response.appraisal
    assert len(policy.calls) == 1
    assert response.response == GOOD
    assert (appraisal.emotion.value, appraisal.emotion.described) == ("sadness", "worn out")
    assert (appraisal.need.value, appraisal.strategy.value) == ("to be heard", "validate")
    assert "by the strategy" in appraisal.need.detail
    assert [span.id for span in appraisal.strategy.evidence] == ["typed"]
    assert response.trace.reply.written_by == "policy"
    assert json.loads(response.trace.reply.raw)[-1] == GOOD


@pytest.mark.parametrize(
    ("emotion", "strategy", "need"),
    [
        ("sadness", "reassure", "comfort"),
        ("anger", "give space", "space"),
        ("joy", "share the joy", "to share joy"),
        ("joy", "encourage", "encouragement"),
        ("neutral", "offer information", "information"),
    ],
)
def test_the_need_of_a_short_message_follows_from_its_strategy(emotion, strategy, need):
    response, _ = respond(turn(emotion=emotion, strategy=strategy), text="I was at the station.")
    assert response.appraisal.need.value == need
    assert 0 < response.appraisal.need.confidence < 1


LONG_TEXT = "and then " * 40


@pytest.mark.parametrize("need", ["be heard", "to be heard"])
def test_a_need_is_read_by_its_name_and_as_it_is_written(need):
    response, policy = respond(turn(need=need, context="they waited"), text=LONG_TEXT)
    assert (response.appraisal.need.value, response.appraisal.need.confidence) == ("to be heard", 0.85)
    assert "one of: be heard, comfort" in text_of(policy.calls[0][-1])
    assert '["joy: and sorry for the brother","validate",' in text_of(policy.calls[0][0])


def test_needs_that_are_the_same_without_to_are_written_by_their_names():
    assert short_needs(["to rest", "rest", "to talk"]) == {"to rest": "to rest", "rest": "rest", "talk": "to talk"}


def test_only_a_long_text_or_a_clip_is_summed_up():
    schemas = []

    class Policy(ScriptedPolicy):
        def write(self, prompts, **settings):
            schemas.append(settings.get("schema"))
            return super().write(prompts, **settings)

    for text, more in (("I slept three hours.", {}), (LONG_TEXT, {"context": "they slept badly", "need": "comfort"})):
        policy = Policy([turn(**more)])
        response = Agent(policy, memory=None).respond(text=text)
        assert ("in at most eight words" in text_of(policy.calls[0][-1])) == bool(more)
    assert len(schemas[0]["prefixItems"]) == 4
    assert list(schemas[1]["properties"]) == ["context", "need", "emotion", "strategy", "reply", "remember"]
    assert response.appraisal.context.summary == "they slept badly"


@pytest.mark.parametrize(
    ("text", "fits"),
    [
        (turn(), True),
        (turn("neutral"), False),  # a reply that ends within a sentence
        (turn(emotion="sadness"), True),
        (turn(emotion="sadness: "), False),
        (turn(emotion="melancholy"), False),
        (turn(need="comfort"), False),
        (turn(strategy="sleep"), False),
        (turn(strategy="reflect"), True),
        (turn(strategy="reflect the feeling"), False),
        (turn(remember=["their dog is called Rex"]), True),
        (turn(cites=["e1"]), False),
        ('["sadness","validate"]', False),
    ],
)
def test_the_schema_allows_what_the_rules_ask_for(text, fits):
    from jsonschema import Draft202012Validator

    settings = LoopSettings()
    names = settings.strategies.need_names, settings.strategies.strategy_names
    schema = turn_schema(SHORT, settings.emotions.names, *names)
    assert Draft202012Validator(schema).is_valid(json.loads(text)) == fits


@pytest.mark.parametrize(("need", "fits"), [("be heard", True), ("to be heard", False), ("sleep", False)])
def test_the_schema_of_a_long_text_has_a_need(need, fits):
    from jsonschema import Draft202012Validator

    settings = LoopSettings()
    names = settings.strategies.need_names, settings.strategies.strategy_names
    schema = turn_schema(LONG, settings.emotions.names, *names)
    written = {"context": "they waited", "need": need, "emotion": "sadness", "strategy": "validate", "reply": GOOD}
    assert Draft202012Validator(schema).is_valid(written) == fits
    assert read_turn(json.dumps(written), LONG)[0].context == "they waited"


def test_a_leading_policy_decides_the_emotion_against_a_weak_measurement():
    response, _ = respond(turn(emotion="anger"), text="The bus left without me again.")
    assert response.appraisal.emotion.value == "anger"


def test_citations_of_nothing_are_removed_and_noted():
    response, _ = respond(json.dumps({"emotion": "sadness", "cites": ["typed", "e99"], "reply": GOOD}))
    assert [span.id for span in response.appraisal.need.evidence] == ["typed"]
    assert any("e99" in note for note in response.trace.notes)


def test_a_second_look_at_a_message_is_a_plain_conversation():
    response, policy = respond(turn("I hear you. I hear you."), GOOD)
    assert (response.response, response.trace.revisions) == (GOOD, 1)
    second = policy.calls[1]
    assert [m["role"] for m in second] == ["system", "user"]
    assert text_of(second[-1]) == "I have slept three hours.\n\n(I feel sad.)"
    assert json.loads(response.trace.reply.raw) == ["sadness", "validate", GOOD]


def test_without_faults_a_paraphrase_a_second_question_and_advice_pass():
    reply = "You might see a doctor about it: it's important. Did the person next door wake you? Or was it the heat?"
    response, policy = respond(turn(reply))
    assert response.response == reply
    assert len(policy.calls) == 1


def test_the_best_of_faulty_drafts_is_kept_and_never_a_template():
    worse, bad = ("I am sorry and " * 8).strip(), "I am sorry that you slept so little"
    response, policy = respond(turn(worse), turn(bad), turn(worse), max_revisions=2)
    assert len(policy.calls) == 3
    assert response.response == bad
    assert response.trace.reply.written_by == "policy"


def test_an_unsafe_reply_is_written_again():
    response, _ = respond(turn("Just kill yourself."), turn())
    assert response.response == GOOD


def test_a_plain_text_is_the_reply_and_the_appraisal_is_what_was_measured():
    response, _ = respond(GOOD, text="My dog died and I am so sad.")
    assert response.response == GOOD
    assert response.appraisal.emotion.value == "sadness"
    assert "wrote no need" in response.appraisal.need.note
    assert any("no appraisal" in note for note in response.trace.notes)


def test_wrong_fields_are_noted_and_the_others_kept():
    written = turn(remember=["Tom", 5], emotion="melancholy", need="sleep", context="they waited")
    response, _ = respond(written, text=LONG_TEXT)
    assert response.response == GOOD
    assert response.appraisal.emotion.policy_choice is None
    assert "'sleep'" in response.appraisal.need.note
    assert "the policy wrote no valid remember" in response.trace.notes


def test_without_time_the_person_is_told_so():
    response, policy = respond(max_seconds=0)
    assert policy.calls == []
    assert response.trace.reply.written_by == "template"
    assert "could not finish" in response.response


def test_a_list_that_is_cut_off_or_lacks_an_item_is_read_as_far_as_it_goes():
    written, _ = read_turn(turn()[:-40], SHORT)
    assert (written.emotion, written.described) == ("sadness", "worn out")
    assert written.reply
    assert GOOD.startswith(written.reply)
    written, _ = read_turn(f"Here it is [1]:\n```json\n{turn()}\n```", SHORT)
    assert written.reply == GOOD
    written, _ = read_turn(turn(), turn_items(cites=True, context=False))  # no ids
    assert (written.cites, written.reply) == ([], GOOD)


def test_an_object_is_read_too():
    written, _ = read_turn(json.dumps({"emotion": "Sadness", "need": "comfort", "reply": GOOD}), SHORT)
    assert (written.emotion, written.need, written.reply) == ("sadness", "comfort", GOOD)


@pytest.mark.parametrize("text", [turn('He said: "no".\nAnd left \\ me. \u00e9'), "Just a text."])
def test_the_reply_is_streamed_and_nothing_else(text):
    pieces = []
    streamer = ReplyStreamer(pieces.append, SHORT)
    for character in text:
        streamer(character)
    assert "".join(pieces) == read_turn(text, SHORT)[0].reply


def test_tokens_of_the_reply_arrive_while_it_is_written():
    events = list(Agent(ScriptedPolicy([turn()]), memory=None).stream(text="I have slept three hours."))
    assert "".join(event.text for event in events if isinstance(event, Token)) == GOOD


def test_the_persona_is_in_the_instructions():
    persona = Persona(name="Nia", tone="dry and brief", max_sentences=2, language="fr", boundaries=("Never swear.",))
    _, policy = respond(turn(), turn(), persona=persona)
    rules = text_of(policy.calls[0][0])
    for words in ("Nia", "dry and brief", "at most 2 sentences", "in French", "Never swear."):
        assert words in rules


def test_the_reply_is_in_the_persons_language_or_the_trace_says_so():
    spanish = "Siento mucho lo de tu perro. ¿Cómo estás hoy?"
    response, policy = respond(turn(), spanish, text="Mi perro murió ayer y estoy muy triste.")
    assert response.response == spanish
    assert "Write the reply in Spanish." in text_of(policy.calls[0][-1])
    assert "Answer them in Spanish" in text_of(policy.calls[1][0])
    response, _ = respond(turn(), GOOD, text="Mi perro murió ayer y estoy muy triste.")
    assert response.response == GOOD
    assert "the reply is in English, not in Spanish" in response.trace.notes


def test_an_own_emotion_set_has_no_examples_of_other_names():
    emotions = EmotionSet({"content": ("joy",), "low": ("sadness", "fear"), "even": ("neutral",)}, neutral="even")
    _, policy = respond(turn(emotion="low"), emotions=emotions)
    rules = text_of(policy.calls[0][0])
    assert "content, low, even" in rules
    assert '"sadness"' not in rules


# --- a policy that cannot write the list --------------------------------------------------------------------

CUT_OFF = turn("Three hours is very little sleep and no wonder")[:-12]  # without a whole sentence


def had(*replies, texts, **settings):
    """Return the answers of a conversation, in which the policy writes these replies."""
    policy = ScriptedPolicy(replies, ["sadness"] * 9, repeat=False)
    with Agent(policy, memory=None, settings=LoopSettings(**settings)) as agent:
        return [agent.respond(text=text, thread_id="one") for text in texts], policy


def test_a_policy_that_twice_writes_no_whole_list_is_guided_for_the_rest_of_the_conversation():
    texts = ["I have slept three hours.", "I am tired.", "My dog died and I am so sad."]
    answers, policy = had(CUT_OFF, GOOD, CUT_OFF, texts=texts)
    assert [answer.trace.reply.written_by for answer in answers] == ["policy", "template", "template"]
    assert any("guided for the rest of the conversation" in note for note in answers[1].trace.notes)
    assert answers[2].appraisal.emotion.value == "sadness"
    asked = [call for call in policy.calls if "Write the JSON list" in text_of(call[-1])]
    assert len(asked) == 2  # none in the last turn


@pytest.mark.parametrize(
    ("replies", "settings"),
    [
        ((CUT_OFF, GOOD), {}),  # once
        ((GOOD, GOOD), {}),  # text alone that passes the checks is a reply
        ((turn("I hear you. I hear you."), turn("I hear you. I hear you.")), {}),  # whole, with a fault
        ((CUT_OFF, CUT_OFF, CUT_OFF, CUT_OFF), {"guided": False}),
    ],
)
def test_a_policy_goes_on_leading_otherwise(replies, settings):
    answers, _ = had(*replies, texts=["I slept three hours."] * (2 if replies[0] == GOOD else 1), **settings)
    assert all(answer.trace.reply.written_by == "policy" for answer in answers)


def test_a_leading_policy_reads_more_of_the_timeline():
    policy = ScriptedPolicy()
    assert LoopSettings().timeline_tokens_of(policy) == 1500
    assert LoopSettings(guided=True).timeline_tokens_of(policy) == 600
    assert LoopSettings(timeline_tokens=50).timeline_tokens_of(policy) == 50


# --- what prompts of a conversation have in common ----------------------------------------------------------


def test_a_prompt_goes_on_where_the_last_one_and_its_list_ended():
    texts = ["My name is Tom and I have slept three hours.", "I am tired.", "And what did I say first?"]
    written = [turn(), turn("Being tired makes all of it heavier."), turn("That you slept three hours.")]
    _, policy = had(*written, texts=texts)
    first, second, third = policy.calls
    assert second[: len(first)] == first
    assert text_of(second[len(first)]) == turn()
    assert third[: len(second)] == second
    assert "What they told you earlier" not in text_of(third[-1])  # it is read above


def test_history_holds_the_reply_where_the_list_is_not_what_the_person_was_told():
    def history(**kept):
        told = Turn("I won.", "I won.", None, "Well done.", asked="asked", written="[list]", **kept)
        return [text_of(m) for m in history_messages([told])]

    assert history() == ["asked", "[list]"]
    assert history(interrupted=True) == ["I won.", "Well done."]
    answers, policy = had(turn("Just kill yourself."), turn("Just kill yourself."), turn(), texts=["I slept.", "Hi."])
    assert text_of(policy.calls[-1][2]) == answers[0].response


def test_notes_of_turns_that_are_no_longer_shown_are_told():
    notes = [Note(i, i, f"fact {i}") for i in range(20)]
    turns = [Turn(f"said {i}", f"said {i}", None, "Yes.") for i in range(20)]
    shown = " ".join(text_of(m) for m in history_messages(turns))
    told = {note.turn for note in notes_to_show(notes, len(turns))}
    assert told == {i for i in range(20) if f"said {i} " not in f"{shown} "}


# --- extensions ---------------------------------------------------------------------------------------------


def test_an_own_node_follows_or_replaces_one_of_the_loop():
    def count(state):
        return {"extra": {**state["extra"], "words": len(state["typed"].split())}}

    def doubled(state):
        return {"extra": {**state["extra"], "doubled": 2 * state["extra"]["words"]}}

    nodes = [Node("count", count, after="guard"), Node("double", doubled, after="guard")]
    response = Agent(ScriptedPolicy([turn()]), memory=None, nodes=nodes).respond(text="I have slept three hours.")
    assert response.extra == {"words": 5, "doubled": 10}
    assert "count" in response.timings_s

    def silent(state):
        return {"response": "(hidden)"}

    replaced = Agent(ScriptedPolicy([turn()]), memory=None, nodes=[Node("release", silent)])
    assert replaced.respond(text="I have slept three hours.").response == "(hidden)"


@pytest.mark.parametrize(
    "node", [Node("nothing", dict), Node("mine", dict, after="nothing"), Node("guard", dict, "care")]
)
def test_a_node_without_a_place_is_refused(node):
    with pytest.raises(InputError, match=f"'{node.name}'"):
        Agent(ScriptedPolicy(), memory=None, nodes=[node])


class NoCasinos:
    def check_input(self, text):
        return (
            SafetyFinding("gambling", "casino", escalate=True, reply="Please call the helpline.")
            if "casino" in text
            else None
        )

    def check_reply(self, reply):
        return "gambling" if "bet" in reply.split() else None


def test_an_own_safety_check_stands_beside_the_built_in_one():
    agent = Agent(ScriptedPolicy([turn("Just bet again.")]), memory=None, safety_checks=[NoCasinos()])
    risky = agent.respond(text="I am going to the casino.")
    assert (risky.response, risky.safety.category) == ("Please call the helpline.", "gambling")
    assert agent.respond(text="I want to kill myself").safety.category == "self-harm"
    blocked = agent.respond(text="I lost again.")
    assert blocked.safety.reply_replaced == "gambling"
    assert "bet" not in blocked.response.split()


def test_callbacks_see_every_node_of_a_turn():
    from langchain_core.tracers.run_collector import RunCollectorCallbackHandler

    collector = RunCollectorCallbackHandler()
    Agent(ScriptedPolicy([turn()]), memory=None, callbacks=[collector]).respond(text="I have slept three hours.")
    (run,) = collector.traced_runs
    assert run.name == "omnisense turn"
    assert {"guard", "compose", "review", "release"} <= {child.name for child in run.child_runs}
