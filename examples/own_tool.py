"""A tool of your own: a policy that leads may call it before it answers, and cite what it returned."""

from langchain_core.tools import tool

from omnisense import Agent, ScriptedPolicy


@tool
def calendar(day: str) -> str:
    """Return the person's appointments on a day."""
    return f"{day}: dentist at nine, choir at six"


call = '{"tool": "calendar", "arguments": {"day": "Friday"}}'  # in the form that every policy is told
answer = '{"emotion": "neutral", "cites": ["calendar1"], "reply": "On Friday: the dentist at nine, the choir at six."}'
agent = Agent(ScriptedPolicy([call, "DONE", answer]), memory=None, tools=[calendar])
response = agent.respond(text="What is on for Friday?")
print(response.response, [span.text for span in response.appraisal.context.evidence])
