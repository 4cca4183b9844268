"""No public signature changes unnoticed."""

import difflib
import runpy

from tests.conftest import REPOSITORY


def test_the_public_names_and_signatures_are_those_that_are_committed():
    now = runpy.run_path(str(REPOSITORY / "scripts" / "public_api.py"))["public_api"]()
    committed = (REPOSITORY / "docs" / "public_api.txt").read_text("utf-8")
    changed = "\n".join(difflib.unified_diff(committed.splitlines(), now.splitlines(), "committed", "now", n=0))
    assert not changed, (
        f"{changed}\nIf this is meant: python scripts/public_api.py > docs/public_api.txt, and CHANGELOG.md"
    )
