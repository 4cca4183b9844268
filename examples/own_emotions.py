"""Your own emotions: which there are, what they are read from, and how they are said."""

from omnisense import Agent, EmotionSet, ScriptedPolicy
from omnisense.reasoning.loop.state import LoopSettings

emotions = EmotionSet(
    measured={"pride": ("joy",), "homesickness": ("sadness",), "unease": ("fear", "disgust"), "calm": ("neutral",)},
    adjectives={"pride": "proud", "homesickness": "homesick", "unease": "uneasy"},
    neutral="calm",
)
policy = ScriptedPolicy(['{"emotion": "homesickness", "reply": "What do you miss most?"}'])
with Agent(policy, memory=None, settings=LoopSettings(emotions=emotions)) as agent:
    felt = agent.respond(text="I cried all evening, everybody here is so far from home.").appraisal.emotion
print(f"You feel {felt.adjective} ({felt.value}, {felt.confidence}); all: {felt.probabilities}")
