"""Your own needs and support strategies: a coach, who helps to plan. Weights are relative."""

from omnisense import Agent, ScriptedPolicy, StrategySet
from omnisense.reasoning.loop.state import LoopSettings

strategies = StrategySet(
    needs={"neutral": {"a plan": 3, "feedback": 1}, "fear": {"a plan": 2, "courage": 3}, "joy": {"feedback": 1}},
    strategies={"a plan": {"name the next step": 3}, "feedback": {"say what went well": 2}, "courage": {"cheer": 2}},
    tones={"neutral": "brisk warmth"},
    closings={"name the next step": "What is the first small step?", "cheer": "You can do this."},
)
policy = ScriptedPolicy([" Many feel that way."])
with Agent(policy, memory=None, settings=LoopSettings(strategies=strategies, guided=True)) as agent:
    appraisal = agent.respond(text="I am so scared of the exam.").appraisal
print(appraisal.need.value, appraisal.need.probabilities)
print(appraisal.strategy.value, appraisal.strategy.probabilities)
