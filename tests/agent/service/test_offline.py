"""The service and its page with the network cut off."""

import shutil
import subprocess
import sys

import pytest

from omnisense import models
from tests.agent.service.browser import NEEDS_CHROMIUM

pytest.importorskip("playwright.sync_api", reason="playwright is not installed: pip install playwright")
# In a network namespace of its own a process reaches nothing but itself.
CUT_OFF = ["unshare", "--net", "sh", "-c", 'ip link set lo up && exec "$0" "$@"']
pytestmark = [*NEEDS_CHROMIUM, pytest.mark.models, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(scope="module")
def cut_off():
    if not (shutil.which("unshare") and shutil.which("ip")):
        pytest.skip("unshare and ip are not installed")
    if subprocess.run([*CUT_OFF, "true"], capture_output=True).returncode:
        pytest.skip("network namespaces are not allowed here")
    return CUT_OFF


@pytest.mark.parametrize("policy", [None, "scripted"])
def test_serving_and_the_page_need_no_network(cut_off, perception, own_home, policy):
    """As the README says: ``omnisense serve``, then the page; in a fresh data folder."""
    if policy is None and models.find("smollm2-135m-instruct") is None:
        pytest.skip("the default policy is not on this machine")
    options = ["--policy", policy] if policy else []
    done = subprocess.run(
        [*cut_off, sys.executable, "-m", "tests.agent.service.offline_page", *options],
        capture_output=True,
        text=True,
        timeout=800,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "the reply: " in done.stdout
    assert (own_home / "conversations.sqlite").is_file()
