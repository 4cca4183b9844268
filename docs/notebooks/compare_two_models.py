# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---
# %% [markdown]
# # Evaluate and compare two models
#
# Two baselines stand in for models here, on a sample in HumanSense's format, so that this runs anywhere. With the
# official data and a GPU, only the names change: `SystemSettings(policy="Qwen/Qwen2.5-Omni-7B")`.

# %%
from pathlib import Path

from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.harness.summary import compare_runs
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.sample_data import write_samples
from omnisense.benchmarks.suites import get_suite

suite = get_suite("humansense")
data = next(folder for folder in write_samples(Path("samples")) if "humansense" in folder.name.lower())
dataset = suite.load(data, ModelUnderTest())
print(len(dataset.samples), "questions of", len({sample.task for sample in dataset.samples}), "tasks")

# %% [markdown]
# ## Run both. A run that is interrupted goes on when the cell is run again.

# %%
runs = {}
for name in ("random", "longest"):
    settings = RunSettings(
        suite, SystemSettings(kind="baseline", policy=name), PromptSettings(), output=Path(f"runs/{name}")
    )
    run(settings, dataset)
    runs[name] = list(read_records(Path(f"runs/{name}")))
    print(name, f"{sum(record.strict for record in runs[name]) / len(runs[name]):.2f}")

# %% [markdown]
# ## Compare them, question by question
#
# Questions about one clip are not independent: interval and test are over clips. `minimum_detectable_difference` says
# how large a difference this many questions could have shown.

# %%
[comparison] = compare_runs(list(runs.items()))
for key, value in comparison.items():
    print(f"{key}: {value}")
