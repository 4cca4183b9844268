"""Tool calls: the stated JSON form, forms that models use by themselves, and what is wrong with a call."""

import pytest
from langchain_core.tools import tool

from omnisense import ScriptedPolicy
from omnisense.reasoning.policies.messages import message, text_of
from omnisense.reasoning.policies.tool_calls import ToolCall, ToolReply, call_tools, result_messages


@tool
def look(start_s: float, end_s: float, region: str = "all") -> str:
    """Look at the picture again."""
    return "a hand"


@tool
def recall(query: str) -> str:
    """Find what was said earlier."""
    return "nothing"


PROMPT = [message("system", "Be kind."), message("user", "What does she hold?")]


def ask(reply: str) -> ToolReply:
    return call_tools(ScriptedPolicy([reply]), PROMPT, [look, recall], max_new_tokens=50, max_seconds=5)


def test_the_prompt_states_the_tools_and_the_form_of_a_call():
    policy = ScriptedPolicy(["A cup."])
    assert call_tools(policy, PROMPT, [look], max_new_tokens=50) == ToolReply("A cup.")
    [prompt] = policy.calls
    assert prompt[0] == PROMPT[0]
    assert text_of(prompt[1]).startswith("What does she hold?\n")
    assert '"name": "look"' in text_of(prompt[1])
    assert '{"tool": NAME, "arguments": {...}}' in text_of(prompt[1])
    assert text_of(PROMPT[1]) == "What does she hold?"


@pytest.mark.parametrize(
    "reply",
    [
        '{"tool": "look", "arguments": {"start_s": 3, "end_s": "4.5"}}',
        '```json\n{"tool": "look", "arguments": {"start_s": 3, "end_s": 4.5}}\n```',
        '<tool_call>\n{"name": "look", "arguments": {"start_s": 3.0, "end_s": 4.5}}\n</tool_call>',
        '<|python_tag|>{"name": "look", "parameters": {"start_s": 3.0, "end_s": 4.5, "unknown": 1}}',
        '[TOOL_CALLS][{"name": "look", "arguments": {"start_s": 3.0, "end_s": 4.5}}]',
        '{"tool_calls": [{"function": {"name": "look", "arguments": "{\\"start_s\\": 3, \\"end_s\\": 4.5}"}}]}',
    ],
)
def test_calls_are_read_in_the_usual_forms(reply):
    assert ask(reply) == ToolReply("", (ToolCall("look", {"start_s": 3.0, "end_s": 4.5}),))


def test_several_calls_and_the_text_beside_them():
    reply = ask(
        'Let me {see}.\n{"tool": "look", "arguments": {"start_s": 0, "end_s": 1, "region": "left"}}\n'
        '{"tool": "recall", "arguments": {"query": "the {cup}"}}'
    )
    assert reply.text == "Let me {see}."
    assert reply.calls == (
        ToolCall("look", {"start_s": 0.0, "end_s": 1.0, "region": "left"}),
        ToolCall("recall", {"query": "the {cup}"}),
    )


@pytest.mark.parametrize("text", ['She holds {"a": 1}, [2].', "```\ncode\n```", '{"name": "Ana"}', "[]", ""])
def test_json_that_is_no_call_is_text(text):
    assert ask(text) == ToolReply(text)


def test_calls_that_cannot_be_made_are_reported():
    reply = ask(
        '{"tool": "smell", "arguments": {}}\n{"tool": "look", "arguments": {"start_s": "soon"}}\n'
        '{"tool": "recall", "arguments": "cup"}\n{"tool": "recall", "arguments": [1]}'
    )
    assert reply.calls == ()
    assert reply.invalid[0] == "There is no tool 'smell'; the tools are look, recall."
    assert "start_s: Input should be a valid number" in reply.invalid[1]
    assert "end_s: Field required" in reply.invalid[1]
    assert "not JSON" in reply.invalid[2]
    assert "arguments are an object" in reply.invalid[3]


def test_results_go_back_in_the_stated_form():
    reply = ask('Wait.\n{"tool": "look", "arguments": {"start_s": 0, "end_s": 1}}\n{"tool": "smell", "arguments": {}}')
    said, told = result_messages(reply, ["a hand"])
    assert text_of(said) == 'Wait.\n{"tool": "look", "arguments": {"start_s": 0.0, "end_s": 1.0}}'
    assert "a hand" in text_of(told)
    assert "no tool 'smell'" in text_of(told)
    assert [said["role"], told["role"]] == ["assistant", "user"]
    assert ask(text_of(said)).calls == reply.calls


@pytest.mark.parametrize("depth", [60, 500, 900, 990, 100_000])
def test_a_reply_of_nested_lists_is_text(depth):
    for reply in ("[" * depth, "[" * depth + "]" * depth, '{"tool": "look", "arguments": ' + "[" * depth):
        assert ask(reply) == ToolReply(reply)
    first = '{"tool": "recall", "arguments": {"query": "x"}}'
    assert ask(f"{first} {'[' * depth}").calls == (ToolCall("recall", {"query": "x"}),)
