"""The page of what the service costs."""

import json
from pathlib import Path

from omnisense.benchmarks.speed.service import as_table

RESULTS = Path(__file__).parents[3] / "benchmarks" / "results"


def test_the_page_is_made_of_the_figures():
    report = json.loads((RESULTS / "service.json").read_text())
    page = as_table(report)
    assert page == (RESULTS / "service.md").read_text()
    assert f"{report['load']['turns']:,} turns, {report['load']['lost_turns']} lost" in page
    del report["load"], report["live_load"]
    assert "conversations" not in as_table(report)
