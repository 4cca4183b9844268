"""Read IntentBench's ``qa.json``, beside which lie its ``videos/``."""

from __future__ import annotations

import re
from pathlib import Path

from omnisense.benchmarks.harness.dataset import Dataset, Sample
from omnisense.benchmarks.harness.problem_rows import KINDS, NEEDS, kind_of, read_row
from omnisense.benchmarks.harness.question_rows import Faults, Row, build_dataset, find_file, list_rows
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.harness.text_metrics import check_installed

FILES = ("qa.json",)
TASKS = {"multiple choice": "Social", "emer_ov_mc": "Emotion", "judge": "Deception"}
_SIZE = 2000  # the paper counts 2,689; a smaller file is not the published set
_ASKS = ("why", "how", "what", "when", "who", "which", "where")


def load(data: str | Path, model: ModelUnderTest | None = None) -> Dataset:
    """Read the folder that holds ``qa.json`` and ``videos/``, or the file itself.

    Raises:
        InputError: there is no such file, or it is no list of rows; or texts are asked for that cannot be scored.
    """
    root = Path(data).expanduser()
    file = find_file(root, FILES, "IntentBench's qa.json")
    rows = list_rows(file, NEEDS)
    if any(KINDS.get(kind_of(row)) == "generated" for _, row in rows):
        check_installed()

    def read(row: Row, _: str, faults: Faults) -> Sample:
        kind = kind_of(row)
        tags = {"question word": (_question_word(str(row["problem"])),)} if kind == "multiple choice" else {}
        return read_row(row, faults, file.parent, TASKS.get(kind, kind), tags)

    kinds = {kind_of(row) for _, row in rows}
    return build_dataset("intentbench", root, [file], rows, read, official_from=_SIZE if kinds >= TASKS.keys() else 0)


def _question_word(problem: str) -> str:
    """Return the first question word of the last sentence; the problem may begin with a transcript."""
    words = re.findall(r"[a-z]+", problem.lower().rsplit("\n", 1)[-1])
    return next((word for word in words if word in _ASKS), "other")
