"""Your own model behind the agent: a class with the attributes and methods of ``omnisense.Policy``."""

from omnisense import Agent, Choice, PreparedPrompt


class Listener:
    """Says the same to everybody, and takes the first option of each choice. Put your model's calls here."""

    name, modalities = "listener", frozenset({"text"})
    scores_likelihoods = needs_guidance = False

    def prepare(self, prompt):
        return PreparedPrompt(prompt)

    def write(self, prompts, **settings):
        return ["I am sorry about your dog. What do you miss most about him?" for _ in prompts]

    def choose(self, prompts, options, *, max_seconds=None):
        return [Choice(0, tuple(1 / len(row) for _ in row)) for row in options]


print(Agent(Listener(), memory=None).respond(text="My dog died yesterday.").response)
