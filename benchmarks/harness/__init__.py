"""The evaluation harness shared by all suites: data, prompts, systems, runs, scores and reports."""
