"""A node of your own in the loop's graph: it runs after the emotion is known, and its value is in the response."""

from omnisense import Agent, Node, ScriptedPolicy


def count_words(state):
    return {"extra": {**state["extra"], "words": len(state["typed"].split())}}


policy = ScriptedPolicy(["That sounds like a hard week."])  # any policy: a name, a folder, or your own
agent = Agent(policy, memory=None, nodes=[Node("count_words", count_words, after="guard")])
print(agent.respond(text="I have slept three hours.").extra)
