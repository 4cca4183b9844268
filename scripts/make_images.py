"""Make the pictures and outputs of the documentation as OmniSense shows them now: ``python scripts/make_images.py``.

``docs/demo.svg`` is the terminal of ``omnisense demo``, ``docs/timeline.png`` the picture that ``omnisense perceive
--output`` writes of the demo clip, ``docs/outputs`` what the code of a page and the examples print. Slow tests compare
the terminal and the page with what is said now.
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console

from omnisense.agent.cli import respond
from omnisense.agent.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
PRINTING = (
    ROOT / "docs" / "how_a_reply_is_made.md",
    *(ROOT / "examples" / f"{name}.py" for name in ("companion", "meeting_mood", "annotate_folder", "game_character")),
    *(ROOT / "examples" / f"{name}.py" for name in ("evaluate_with_budget", "own_reward", "add_benchmark")),
)
SAID = "I passed my exam!\nMy name is Ana.\n"  # to an example that listens
COLUMNS = 88
COLOURS = 64  # of the picture: it is flat, and a third of the size with a palette


def demo_terminal() -> Console:
    """Return the console on which ``omnisense demo`` has printed; what it printed is recorded."""
    # No terminal: a spinner would be recorded again and again.
    console = Console(record=True, width=COLUMNS, highlight=False, color_system="truecolor", file=io.StringIO())
    make, respond.make_console = respond.make_console, lambda: console
    try:
        cli.main(["demo", "--no-cache"], standalone_mode=False)
    finally:
        respond.make_console = make
    return console


def terminal_svg(console: Console) -> str:
    """Return what a console recorded as SVG, without fonts from elsewhere and without what is of this machine."""
    svg = console.export_svg(title="omnisense demo", unique_id="demo")
    svg = re.sub(r"@font-face \{.*?\}\s*", "", svg, flags=re.S)
    svg = re.sub(r'textLength="[^"]*"([^>]*>Demo&#160;clip:&#160;)[^<]*omnisense/', r"\1omnisense/", svg)
    # How long each step took says more of the machine that made the picture than of OmniSense.
    svg = re.sub(r'textLength="[^"]*"([^>]*>(?:&#160;)+\+&#160;[^<]*?)(?:&#160;)+[\d.]+&#160;s<', r"\1<", svg)
    return re.sub(r"[ \t]+$", "", svg, flags=re.M)


def timeline_picture(to: Path) -> None:
    """Write the timeline of the demo clip."""
    with tempfile.TemporaryDirectory() as folder:
        clip = str(ROOT / "agent" / "demo.mp4")
        cli.main(["perceive", clip, "--output", folder], standalone_mode=False)
        picture = Image.open(Path(folder) / "timeline.png").convert("RGB")
        picture.quantize(COLOURS).save(to, optimize=True)


def printed_by(code: Path) -> str:
    """Return what a page's Python or an example prints, in a folder with the demo clip as ``clip.mp4``."""
    if code.suffix == ".md":
        source = "\n".join(re.findall(r"^```python\n(.*?)^```$", code.read_text("utf-8"), re.M | re.S))
        command = [sys.executable, "-c", source]
    else:
        command = [sys.executable, str(code)]
    with tempfile.TemporaryDirectory() as folder:
        shutil.copyfile(ROOT / "agent" / "demo.mp4", Path(folder) / "clip.mp4")
        environment = os.environ | {"PYTHONPATH": str(ROOT), "TMPDIR": folder}
        done = subprocess.run(
            command, input=SAID, capture_output=True, text=True, check=True, cwd=folder, env=environment
        )
    return re.sub(r"\S*/tmp\w+/", "", done.stdout)


if __name__ == "__main__":
    for code in PRINTING:
        (ROOT / "docs" / "outputs" / f"{code.stem}.txt").write_text(printed_by(code), "utf-8")
    (ROOT / "docs" / "demo.svg").write_text(terminal_svg(demo_terminal()) + "\n", "utf-8")
    timeline_picture(ROOT / "docs" / "timeline.png")
