"""Tool calling: native where a policy has it, and in a stated JSON form where it has not."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from omnisense.reasoning.policies.base import Policy
from omnisense.reasoning.policies.messages import Message, Messages, message
from omnisense.text import fence, parse_json

if TYPE_CHECKING:
    from langchain_core.tools import BaseTool

# Models that were trained to call tools write their calls between such marks; a server that does not know the model's
# form leaves them in the text.
_DEEPEST = 50  # levels of lists and objects in a call
_MARKS = re.compile(r"</?tool_call>|```(?:json|tool_call)?|<\|python_tag\|>|\[TOOL_CALLS\]")


@dataclass(frozen=True)
class ToolCall:
    """A call that a policy asks for.

    Attributes:
        name: of one of the tools.
        arguments: by name, of the types that the tool's schema states.
    """

    name: str
    arguments: dict[str, Any]


@dataclass(frozen=True)
class ToolReply:
    """What a policy answered where it could call tools.

    Attributes:
        text: what it wrote beside the calls; the whole reply where it called nothing.
        calls: the valid calls, in order.
        invalid: what is wrong with each call that cannot be made, in words that help the model to correct it.
    """

    text: str
    calls: tuple[ToolCall, ...] = ()
    invalid: tuple[str, ...] = ()


@runtime_checkable
class CallsTools(Protocol):
    """A policy with tool calling of its own."""

    def call_tools(
        self, prompt: Messages, tools: Sequence[BaseTool], *, max_new_tokens: int, max_seconds: float | None = None
    ) -> ToolReply:
        """Do what :func:`call_tools` does."""
        ...


def call_tools(
    policy: Policy,
    prompt: Messages,
    tools: Sequence[BaseTool],
    *,
    max_new_tokens: int,
    max_seconds: float | None = None,
) -> ToolReply:
    """Let a policy answer a prompt or call tools. The calls are checked, not made.

    Args:
        policy: one with tool calling of its own (:class:`CallsTools`), or any other: its prompt then states the tools
            and the form of a call, and its reply is parsed.
        prompt: a conversation that ends with a user message.
        tools: LangChain tools.
        max_new_tokens: upper bound for the reply.
        max_seconds: writing stops then.

    Returns:
        The reply. A call of an unknown tool, or with arguments that the tool's schema refuses, is in ``invalid``.

    Raises:
        PolicyError: the model does not accept a part, or its service failed.
    """
    if isinstance(policy, CallsTools):
        return policy.call_tools(prompt, tools, max_new_tokens=max_new_tokens, max_seconds=max_seconds)
    return write_tool_calls(policy, prompt, tools, max_new_tokens=max_new_tokens, max_seconds=max_seconds)


def write_tool_calls(
    policy: Policy,
    prompt: Messages,
    tools: Sequence[BaseTool],
    *,
    max_new_tokens: int,
    max_seconds: float | None = None,
) -> ToolReply:
    """Do what :func:`call_tools` does through ``write``, for policies without tool calling of their own."""
    [reply] = policy.write([state_tools(prompt, tools)], max_new_tokens=max_new_tokens, max_seconds=max_seconds)
    return parse_tool_calls(reply, tools)


def result_messages(reply: ToolReply, results: Sequence[str]) -> list[Message]:
    """Return the messages that continue a conversation after its calls were made: the calls, then their results.

    They have the form that :func:`call_tools` states, which every policy can read.

    Args:
        reply: the reply with the calls.
        results: what each valid call returned, in order. What is wrong with invalid calls is added.
    """
    calls = [json.dumps({"tool": call.name, "arguments": call.arguments}) for call in reply.calls]
    told = [f"Result of {call}:\n{fence(result)}" for call, result in zip(calls, results, strict=True)]
    said = "\n".join(filter(None, [reply.text, *calls])) or "(a call that cannot be made)"
    return [message("assistant", said), message("user", "\n\n".join([*told, *reply.invalid]))]


def state_tools(prompt: Messages, tools: Sequence[BaseTool]) -> Messages:
    """Return a prompt whose last message also states the tools and the form of a call."""
    from langchain_core.utils.function_calling import convert_to_openai_tool

    lines = [json.dumps(convert_to_openai_tool(tool)["function"], ensure_ascii=False) for tool in tools]
    stated = (
        "You can call these tools, each given with the JSON schema of its parameters:\n"
        + "\n".join(lines)
        + '\nTo call one, write only {"tool": NAME, "arguments": {...}} as JSON, one call a line. '
        "You are then given the results. If you need no tool, answer."
    )
    last = prompt[-1]
    extended: Message = {"role": last["role"], "content": [*last["content"], {"type": "text", "text": stated}]}
    return [*prompt[:-1], extended]


def parse_tool_calls(reply: str, tools: Sequence[BaseTool]) -> ToolReply:
    """Read the calls in a reply: in the form that :func:`state_tools` states, or in another that models are used to."""
    text, found = "", []
    for piece in _pieces(_MARKS.sub("\n", reply)):
        calls = None if isinstance(piece, str) else _calls_in(piece[1])
        if calls is None:
            text += piece if isinstance(piece, str) else piece[0]
        else:
            found += calls
    if not found:  # a reply without calls stays as it is, with its code blocks
        return ToolReply(reply.strip())
    return check_tool_calls(text, found, tools)


def check_tool_calls(text: str, calls: Sequence[tuple[str, Any]], tools: Sequence[BaseTool]) -> ToolReply:
    """Check calls, given as names and arguments, against the tools' schemas; arguments may still be JSON text."""
    known = {tool.name: tool for tool in tools}
    valid, invalid = [], []
    for name, arguments in calls:
        if name not in known:
            invalid.append(f"There is no tool '{name}'; the tools are {', '.join(known)}.")
            continue
        try:
            valid.append(ToolCall(name, _checked(known[name], arguments)))
        except ValueError as error:  # also pydantic's and json's
            invalid.append(f"{name} cannot be called with {_short(arguments)}: {_reason(error)}.")
    return ToolReply("\n".join(filter(None, map(str.strip, text.splitlines()))), tuple(valid), tuple(invalid))


def _checked(tool: BaseTool, arguments: Any) -> dict[str, Any]:
    if isinstance(arguments, str):
        arguments = parse_json(arguments or "{}")
    if not isinstance(arguments, Mapping):
        raise ValueError("arguments are an object")
    schema: Any = tool.tool_call_schema
    if isinstance(schema, dict):  # a tool of another process (MCP) states its schema as JSON
        missing = [name for name in schema.get("required", ()) if name not in arguments]
        if missing:
            raise ValueError(f"'{missing[0]}' is missing")
        return {name: value for name, value in arguments.items() if name in schema.get("properties", arguments)}
    checked = schema.model_validate(arguments)
    return {name: getattr(checked, name) for name in type(checked).model_fields if name in checked.model_fields_set}


def _pieces(text: str) -> list[Any]:
    """Split a text into strings and pairs of JSON source and value, in order.

    What follows a value that is nested deeper than any call is text.
    """
    decoder, pieces, at, begin = json.JSONDecoder(), [], 0, 0
    while match := re.compile(r"[{\[]").search(text, at):
        try:
            value, end = decoder.raw_decode(text, match.start())
        except ValueError:
            at = match.end()
            continue
        except RecursionError:
            break
        if _is_deeper(value, _DEEPEST):
            break
        pieces += [text[begin : match.start()], (text[match.start() : end], value)]
        at = begin = end
    return [*pieces, text[begin:]]


def _is_deeper(value: Any, levels: int) -> bool:
    """Return whether lists and objects are nested in a JSON value on more levels than that."""
    level = [value]
    for _ in range(levels + 1):
        children = [v.values() if isinstance(v, dict) else v for v in level if isinstance(v, dict | list)]
        level = [child for some in children for child in some]
        if not level:
            return False
    return True


def _calls_in(value: Any) -> list[tuple[str, Any]] | None:
    """Return the names and arguments of the calls that a JSON value states, or None if it states none."""
    if isinstance(value, list):
        calls = [_calls_in(item) for item in value]
        return [call for some in calls if some for call in some] if calls and all(calls) else None
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("tool_calls"), list):
        return _calls_in(value["tool_calls"])
    if isinstance(value.get("function"), dict):
        value = value["function"]
    name = next((value[key] for key in ("tool", "name", "function") if isinstance(value.get(key), str)), None)
    keys = [key for key in ("arguments", "parameters", "args") if key in value]
    if name is None or not (keys or set(value) == {"tool"}):
        return None
    return [(name, value[keys[0]] if keys else {})]


def _short(arguments: Any) -> str:
    text = arguments if isinstance(arguments, str) else json.dumps(arguments, default=str)
    return text if len(text) <= 200 else f"{text[:200]}..."


def _reason(error: ValueError) -> str:
    from pydantic import ValidationError

    if isinstance(error, ValidationError):
        return "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
    if isinstance(error, json.JSONDecodeError):
        return "its arguments are not JSON"
    return str(error)
