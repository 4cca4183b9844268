"""A reward of your own: replies should ask at most one question, and not say the same as each other.

In a recipe: `rewards: {accuracy: 1.0, "own_reward:calm_reward": 0.3}`, with this file's folder on PYTHONPATH.
"""

import re

from omnisense.rl.rewards.registry import build_rewards


def calm_reward(completions, **columns):
    """Return 0 to 1 for each completion; None would leave it out. An error stops the run: it is never a zero."""
    texts = [completion[-1]["content"] for completion in completions]
    beginnings = [" ".join(text.lower().split()[:4]) for text in texts]
    rewards = []
    for text, beginning in zip(texts, beginnings, strict=True):
        questions = len(re.findall(r"\?", text))
        common = beginnings.count(beginning) / len(beginnings)
        rewards.append(max(0.0, 1.0 - 0.5 * max(0, questions - 1) - 0.5 * (common > 0.5)))
    return rewards


if __name__ == "__main__":
    import sys

    sys.modules["own_reward"] = sys.modules["__main__"]  # as if it had been imported by its name
    [reward], [weight] = build_rewards({"own_reward:calm_reward": 0.3})
    replies = ["What happened?", "How are you? Why? Since when?", "That sounds heavy. Would you like to tell me more?"]
    scores = reward(prompts=[""] * 3, completions=[[{"role": "assistant", "content": reply}] for reply in replies])
    print(weight, [round(score, 2) for score in scores])
