"""Evaluate an API model within a budget: python examples/evaluate_with_budget.py [POLICY DATA BUDGET_IN_DOLLARS]

The run stops when the budget is spent; the same command with more goes on where it stopped. Without arguments a
scripted policy answers a sample in Daily-Omni's format.
"""

import sys
import tempfile
from pathlib import Path

from omnisense.benchmarks.harness.prompting import PromptSettings
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.sample_data import write_samples
from omnisense.benchmarks.suites import get_suite

DOLLARS_PER_TOKEN = 2.5e-6, 10e-6  # read, written: see the price list of your service


class BudgetError(Exception):
    """There is no money left; what was answered is kept."""


policy, data, budget = (sys.argv[1:4] + ["scripted", "", "0.0001"][len(sys.argv) - 1 :])[:3]
if not data:
    data = next(path for path in write_samples(Path(tempfile.mkdtemp())) if "daily" in path.name.lower())
suite = get_suite("daily-omni")
settings = RunSettings(suite, SystemSettings(policy=policy), PromptSettings(media=False), Path("runs/budget"))
dataset = suite.load(Path(data), ModelUnderTest(policy))
spent = 0.0


def pay(record):
    global spent
    read, written = (sum(len(m["text"]) for m in record.messages) / 4, len(record.reply) / 4)  # about 4 a token
    spent += read * DOLLARS_PER_TOKEN[0] + written * DOLLARS_PER_TOKEN[1]
    if spent > float(budget):
        raise BudgetError


try:
    for record in read_records(settings.output):  # what the same command has spent before counts too
        pay(record)
    run(settings, dataset, on_record=pay)
except BudgetError:
    print(f"stopped after ${spent:.4f}")
records = list(read_records(settings.output))
right = sum(record.strict for record in records)
print(f"{len(records)} of {len(dataset.samples)} questions asked, {right:.0f} right")
