"""Who the agent is to the person: a setting of the loop."""

from omnisense import Agent, ScriptedPolicy
from omnisense.reasoning.loop.state import LoopSettings
from omnisense.reasoning.persona import Persona

persona = Persona(
    name="Robin", tone="calm and brief", max_sentences=2, boundaries=("I do not give legal or medical advice.",)
)
policy = ScriptedPolicy(["I am Robin, a program that listens. What happened?"])  # or the name of a model
with Agent(policy, memory=None, settings=LoopSettings(persona=persona)) as agent:
    print(agent.respond(text="Who are you?").response)
