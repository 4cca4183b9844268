"""The paper's scoring against what the authors' own two scripts gave for the same replies.

``official_scores.json`` holds the scripts' results on the rows of ``replies.rows(4000, 2508, ...)``: one sign a row,
each scored in a file of its own (``-`` not counted, ``h`` a half), and the statistics of all rows together.
"""

import json
from pathlib import Path

import pytest

from omnisense.benchmarks.humansense.official_score import OfficialScorer, statistics
from tests.benchmarks.conftest import NUMBER, ONE, SEVERAL, YES_NO, row
from tests.benchmarks.replies import rows

RECORDED = json.loads((Path(__file__).parent / "official_scores.json").read_text())
SIGNS = {0: "0", 0.5: "h", 1: "1"}


@pytest.mark.parametrize(("mode", "think"), [("plain", False), ("think", True)])
def test_every_reply_scores_as_in_the_authors_scripts(mode, think):
    data = rows(4000, 2508, "m", think)
    ours = []
    for one in data:
        counted = OfficialScorer(think).score(one["questions"], one["questions"].get("m"))
        ours.append("-" if counted is None else SIGNS[counted.value])
        assert counted is None or not counted.fault
    assert "".join(ours) == RECORDED[mode]
    stats, faults = statistics(data, "m", think)
    assert json.dumps(stats, indent=4) == RECORDED[f"{mode}_json"]
    assert not faults


@pytest.mark.parametrize(
    ("pattern", "gold", "reply", "plain", "think"),
    [
        (ONE, "E", "E", 1, 0),  # the thinking script knows no bare e
        (NUMBER, "10", "10", 0, 0),  # one digit is all that is read
        (NUMBER, "1", "12", 1, 1),
        (YES_NO, "Yes", "<answer>Yes</answer>", 0, 0),  # the tags are compared too
        (YES_NO, "Yes", "Yes.", 1, None),
        (SEVERAL, "AC", "A", 0.5, 0.5),
        (SEVERAL, "AC", "A C", 0, 1),  # a space is no letter of the answer
        (SEVERAL, "AC", "<answer></answer>", 0, 0.5),
        (ONE, "A", "A man", 1, 1),
        (ONE, "B", "", None, None),
    ],
)
def test_quirks(pattern, gold, reply, plain, think):
    asked = row("Emo_Strategy", 1, pattern=pattern, answer=gold)["questions"]
    if "options" in asked:
        asked["options"].append("E. calm")
    for mode, value in ((False, plain), (True, think)):
        counted = OfficialScorer(mode).score(asked, reply)
        assert (counted.value if counted else None) == value


def test_where_the_authors_script_would_stop():
    data = [row("Human_Counting", 1, pattern=NUMBER, answer="3", m="<answer>three</answer>"),
            row("Human_Counting", 2, pattern=NUMBER, answer="3", m="<answer>3</answer>")]  # fmt: skip
    stats, faults = statistics(data, "m", True)
    assert stats["Human_Counting"] == {"total": 2, "correct": 1, "accuracy": 0.5}
    assert len(faults) == 1
    assert "row 0" in faults[0]


def test_a_row_without_a_task_is_a_fault_and_not_a_traceback():
    data = [{"questions": {"question_pattern": ONE, "answer": "A", "m": "A"}}]
    stats, faults = statistics(data, "m", False)
    assert stats["None"]["total"] == 1
    assert "KeyError" in faults[0]


def test_the_command_prints_their_json(run_cli, tmp_path):
    data = rows(300, 1, "Qwen25-Omni-7B", False)
    (tmp_path / "results.json").write_text(json.dumps(data))
    arguments = ["score", "humansense", "--official-results", tmp_path / "results.json", "--model"]
    done = run_cli(*arguments, "Qwen25-Omni-7B")
    assert done.returncode == 0, done.stderr
    assert done.stdout == json.dumps(statistics(data, "Qwen25-Omni-7B", False)[0], indent=4) + "\n"
    missing = run_cli(*arguments, "gpt4o")
    assert (missing.returncode, missing.stdout) == (2, "")
    assert "no row has predictions of 'gpt4o'" in missing.stderr
