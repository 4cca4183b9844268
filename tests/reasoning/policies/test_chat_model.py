"""LangChain chat models as policies: replies, choices in whatever form they come, tools, media, failures."""

import time

import pytest
from langchain_core.tools import tool

from omnisense import InputError, PolicyError, load_policy
from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.chat_choices import read_choice
from omnisense.reasoning.policies.chat_model import ChatModelPolicy
from omnisense.reasoning.policies.messages import message
from omnisense.reasoning.policies.tool_calls import ToolCall, call_tools

HI = [message("user", "Hi there")]
LONG = [
    message("system", "Be kind."),
    message("user", "Tell me something about the sea and the people who live by it."),
]


def fake_chat_model(reply, structured=True, fail=0):
    """A chat model that answers with a function of the messages, as LangChain's own base class runs it."""
    from langchain_core.language_models import BaseChatModel
    from langchain_core.messages import AIMessage
    from langchain_core.outputs import ChatGeneration, ChatResult
    from langchain_core.runnables import RunnableLambda

    class Fake(BaseChatModel):
        temperature: float = 0.0
        failures: int = fail
        seen: list = []

        @property
        def _llm_type(self):
            return "fake"

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            self.seen.append((messages, stop, kwargs))
            if self.failures:
                self.failures -= 1
                raise ConnectionError("the line is dead")
            return ChatResult(generations=[ChatGeneration(message=AIMessage(reply(messages)))])

        def with_structured_output(self, schema, **kwargs):
            if not structured:
                raise NotImplementedError
            enum = schema["properties"]["option"]["enum"]
            assert kwargs == {"include_raw": True}
            parsed = {"option": enum[-1], "confidence": 0.7}
            return RunnableLambda(lambda messages: {"raw": AIMessage(""), "parsed": parsed, "parsing_error": None})

    return Fake()


def test_chat_models_write():
    model = fake_chat_model(lambda m: f"echo {m[-1].content} STOP tail")
    policy = ChatModelPolicy(model)
    assert isinstance(policy, Policy)
    assert policy.write([HI, LONG], temperature=0.3, stop=["STOP"])[0] == "echo Hi there "
    _, stop, settings = model.seen[0]
    assert (stop, settings["temperature"]) == (["STOP"], 0.3)
    pieces = []
    assert policy.write([HI], on_token=pieces.append) == ["".join(pieces)]


def test_a_prefilled_reply_becomes_a_request():
    model = fake_chat_model(lambda m: m[-1].content)
    assert (
        'Go on from here, without repeating it: "I hear"'
        in ChatModelPolicy(model).write([[*HI, message("assistant", "I hear")]])[0]
    )


def test_chat_models_choose_by_schema():
    choices = ChatModelPolicy(fake_chat_model(str)).choose([HI, LONG, HI], [["a", "b"], ["x", "y", "z"], ["a", "b"]])
    assert [c.index for c in choices] == [1, 2, 1]
    assert choices[1].probabilities == pytest.approx((0.15, 0.15, 0.7))


def test_unknown_modalities_are_errors():
    with pytest.raises(InputError, match=r"unknown modality 'smell'.*text, image, video, audio"):
        ChatModelPolicy(None, modalities={"image", "smell"})


def test_chat_models_without_schemas_answer_in_json():
    policy = ChatModelPolicy(fake_chat_model(lambda m: 'Sure: {"option": "B", "confidence": "high"}', structured=False))
    choice = policy.choose([HI], [["a", "b"]])[0]
    assert choice.index == 1
    assert choice.probabilities == pytest.approx((0.05, 0.95))


def test_an_unreadable_choice_is_asked_for_again_and_then_flagged(caplog):
    answers = iter(["no idea", "b"])
    policy = ChatModelPolicy(fake_chat_model(lambda m: next(answers), structured=False))
    assert policy.choose([HI], [["a", "b"]])[0].index == 1
    model = fake_chat_model(lambda m: "no idea" if "sea" in m[-1].content else "b", structured=False)
    lost, read = ChatModelPolicy(model).choose([LONG, HI], [["a", "b"]] * 2)
    assert (lost.readable, lost.probabilities) == (False, (0.5, 0.5))
    assert (read.readable, read.index) == (True, 1)
    assert len(model.seen) == 3
    assert "named none of 2 options" in caplog.text


FEELINGS = ["joy", "sadness", "No feeling", "anger"]


@pytest.mark.parametrize(
    ("answer", "index"),
    [
        ('{"option": "sadness", "confidence": 0.9}', 1),
        ('{"option":"B"}', 1),
        ('{"option": 2}', 1),
        ('{"choice": "b. sadness"}', 1),
        ('"sadness"', 1),
        ('["sadness"]', 1),
        ("B. sadness", 1),
        ("(b)", 1),
        ("SADNESS!", 1),
        ("2", 1),
        ("**Sadness**", 1),
        ('```json\n{"option": "Sadness"}\n```', 1),
        ('<think>{"option": "joy"}?</think>{"option": "no_feeling"}', 2),
        ("The answer is C.", 2),
        ("no feeling", 2),
        ("sad", 1),
        ("joyful", 0),
        ("an", None),
        ("joy or anger", None),
        ("E", None),
        ("7", None),
        ('{"option": null}', None),
        ("", None),
    ],
)
def test_choices_are_read_in_any_usual_form(answer, index):
    choice = read_choice(answer, FEELINGS)
    assert choice.readable == (index is not None)
    assert sum(choice.probabilities) == pytest.approx(1)
    if index is not None:
        assert choice.index == index
        assert max(choice.probabilities) == choice.probabilities[index]


def test_stated_confidence_counts_within_bounds():
    def stated(value):
        return read_choice(f'{{"option": "joy", "confidence": {value}}}', FEELINGS).probabilities[0]

    assert stated(0.6) == stated('"60%"') == stated(60) == pytest.approx(0.6)
    assert stated(1) == stated('"high"') == stated("NaN") == pytest.approx(0.95)
    assert stated(0) == pytest.approx(0.25)


def test_probabilities_come_from_the_tokens_where_the_service_returns_them():
    import math

    def token(text, **alternatives):
        shares = {text: alternatives.pop("p")} if "p" in alternatives else {text: 1.0}
        top = [{"token": t, "logprob": math.log(p)} for t, p in {**shares, **alternatives}.items()]
        return {"token": text, "logprob": top[0]["logprob"], "top_logprobs": top}

    answer = '{"option": "sadness", "confidence": 0.2}'
    tokens = [token('{"option":'), token(' "s', p=0.7, **{' "joy': 0.2, ' "ang': 0.05, " nothing": 0.05}), token("ad")]
    choice = read_choice(answer, FEELINGS, tokens)
    assert choice.index == 1
    assert choice.probabilities == pytest.approx((0.2125, 0.7125, 0.0125, 0.0625))
    # "s" may begin either: the stated confidence counts
    assert read_choice(answer, ["sadness", "surprise"], tokens).probabilities == pytest.approx((0.5, 0.5))


@tool
def look(start_s: float) -> str:
    """Look at the picture again."""
    return "a hand"


def test_models_with_tools_call_them_natively_and_others_in_the_stated_form():
    from langchain_core.messages import AIMessage

    class WithTools(type(fake_chat_model(str))):
        def bind_tools(self, tools, **kwargs):
            return self.bind(tools=[t.name for t in tools], **kwargs)

        def _generate(self, messages, stop=None, run_manager=None, **kwargs):
            result = super()._generate(messages, stop, run_manager, **kwargs)
            calls = [{"name": "look", "args": {"start_s": 3}, "id": "1"}, {"name": "smell", "args": {}, "id": "2"}]
            result.generations[0].message = AIMessage("Wait.", tool_calls=calls)
            return result

    model = WithTools()
    reply = call_tools(ChatModelPolicy(model), HI, [look], max_new_tokens=50, max_seconds=5)
    assert reply.text == "Wait."
    assert reply.calls == (ToolCall("look", {"start_s": 3.0}),)
    assert "no tool 'smell'" in reply.invalid[0]
    assert model.seen[-1][2]["tools"] == ["look"]
    policy = ChatModelPolicy(fake_chat_model(lambda m: '{"tool": "look", "arguments": {"start_s": 1}}'))
    for _ in range(2):
        assert call_tools(policy, HI, [look], max_new_tokens=50).calls == (ToolCall("look", {"start_s": 1.0}),)


def test_writing_stops_when_the_time_is_up():
    from langchain_core.messages import AIMessageChunk
    from langchain_core.outputs import ChatGenerationChunk

    class Slow(type(fake_chat_model(str))):
        def _stream(self, messages, stop=None, run_manager=None, **kwargs):
            for word in "one two three four".split():
                yield ChatGenerationChunk(message=AIMessageChunk(f"{word} "))
                time.sleep(0.2 if "sea" in messages[-1].content else 0.0)

    pieces = []
    began = time.perf_counter()
    replies = ChatModelPolicy(Slow()).write([LONG, HI], max_seconds=0.3, on_token=pieces.append)
    assert time.perf_counter() - began < 0.45
    assert replies == ["one two ", "one two three four "]
    assert "".join(pieces) == replies[0]


def test_a_choice_that_takes_too_long_is_not_made():
    def answer(messages):
        time.sleep(1.0 if "sea" in messages[-1].content else 0.0)
        return '{"option": "calm"}'

    policy = ChatModelPolicy(fake_chat_model(answer, structured=False))
    began = time.perf_counter()
    late, made = policy.choose([LONG, HI], [["tense", "calm"]] * 2, max_seconds=0.4)
    assert time.perf_counter() - began < 0.8
    assert (late.readable, made.readable, made.index) == (False, True, 1)


def test_failures_are_tried_again_and_then_said(monkeypatch):
    monkeypatch.setattr("tenacity.nap.time.sleep", lambda _: None)  # the pauses between two tries
    assert ChatModelPolicy(fake_chat_model(lambda m: "up again", fail=2), attempts=3).write([HI]) == ["up again"]
    with pytest.raises(PolicyError, match="the line is dead"):
        ChatModelPolicy(fake_chat_model(str, fail=5), attempts=2).write([HI])


def test_media_go_as_content_blocks_when_the_model_takes_them():
    from tests.conftest import DEMO

    prompt = [{"role": "user", "content": [{"type": "text", "text": "look"}, {"type": "video", "path": str(DEMO)}]}]
    model = fake_chat_model(lambda m: "seen")
    policy = ChatModelPolicy(model, modalities={"image", "audio"})
    assert policy.write([prompt]) == ["seen"]
    blocks = model.seen[0][0][0].content
    kinds = [block["type"] for block in blocks]
    assert kinds.count("image") == 8
    assert kinds.count("audio") == 1
    with pytest.raises(PolicyError, match="does not accept video"):
        ChatModelPolicy(model).write([prompt])


@pytest.mark.parametrize("name", ["chat:", "chat:gpt", "chat:no_such_provider:x"])
def test_chat_names_that_cannot_be_used(name):
    with pytest.raises(InputError):
        load_policy(name)


def test_a_schema_reaches_ollama_as_its_format():
    class Ollama(type(fake_chat_model(str))):
        format: object = None

    model, schema = Ollama(), {"type": "object", "properties": {}}
    ChatModelPolicy(model).write([HI], schema=schema)
    assert model.seen[-1][2]["format"] == schema
