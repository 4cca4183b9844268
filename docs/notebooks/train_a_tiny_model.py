# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---
# %% [markdown]
# # Train a tiny omni model, and watch it learn
#
# A Qwen2.5-Omni with random weights learns from frames alone whether a clip is bright or dark, by GRPO with the strict
# scorer as its only reward. It is of no use, but it learns on a CPU, by the same code as a 7B model.

# %%
from pathlib import Path

from omnisense.rl.curriculum import train_curriculum
from omnisense.rl.recipe import read_recipe
from omnisense.rl.tiny import make_data
from omnisense.testing.tiny_models import tiny_omni

STEPS = 20  # 60 to learn it well
work = Path("tiny")
tiny_omni(work / "model")
make_data(work, seed=1, each=24)

# %% [markdown]
# ## The recipe
#
# First the form of an answer by SFT on random answers, then GRPO on frames. `read_recipe` takes the overrides of the
# command line.

# %%
recipe = read_recipe("tiny", [f"policy={work / 'model'}", f"trainer.max_steps={STEPS}"])
form = recipe.stages[0] | {"data": {"files": [str(work / "cold.json")], "test_fraction": 0}}
recipe.stages = [form, {"name": "video", "data": {"files": [str(work / "video.json")]}}]
summary = train_curriculum(recipe, work / "run", on_progress=print)

# %% [markdown]
# ## What was learnt
#
# On held-out clips, beside the model before. `tiny/run/2-video/curves.png` has the curves.

# %%
for system in summary.comparison.systems:
    print(f"{system.name}: {system.strict.mean:.2f} ({system.strict.low:.2f} to {system.strict.high:.2f})")
reward = summary.last_log.curves["reward"]
print(f"reward: {reward.first:.2f} at first, {reward.last:.2f} at last")
