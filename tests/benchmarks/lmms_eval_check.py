"""Load exported tasks with lmms-eval's own loader; run by a Python that has lmms-eval, which OmniSense need not be in.

python lmms_eval_check.py FOLDER TASK [FOLDER TASK ...]
"""

from __future__ import annotations

import sys
from pathlib import Path


def check(folder: Path, name: str) -> None:
    """Assert that a task's questions, media, right answers and scores arrive as they were exported."""
    from lmms_eval import tasks
    from lmms_eval.protocol import ChatMessages

    manager = tasks.TaskManager(include_path=str(folder), include_defaults=False)
    assert manager.all_tasks == [name], manager.all_tasks
    for kind in ("simple", "chat"):
        task = tasks.get_task_dict([name], manager, task_type=kind)[name]
        docs = task.test_docs()
        assert len(docs) == len((folder / "data.jsonl").read_text().splitlines())
        for doc in docs:
            right = task.doc_to_target(doc)
            assert task.process_results(doc, [right])["strict_accuracy"] == 1, doc
            assert task.process_results(doc, ["I cannot tell."])["strict_accuracy"] < 1, doc
            if kind == "simple":
                assert doc["question"] in task.doc_to_text(doc)
                assert len(task.doc_to_visual(doc)) == len(doc["media"])
            else:
                found = ChatMessages(messages=task.doc_to_messages(doc)).extract_media()
                assert sorted(path for paths in found for path in paths) == sorted(m["path"] for m in doc["media"])
        assert set(task.aggregation()) == {"strict_accuracy", "unreadable"}


if __name__ == "__main__":
    for folder, name in zip(sys.argv[1::2], sys.argv[2::2], strict=True):
        check(Path(folder), name)
        print(name, "loaded")
