"""Make the pictures of the documentation from what OmniSense shows now: ``python scripts/make_images.py``.

``docs/demo.svg`` is the terminal of ``omnisense demo``, ``docs/timeline.png`` the picture that ``omnisense perceive
--output`` writes of the demo clip. ``tests/docs`` checks that the terminal says what the command says.
"""

from __future__ import annotations

import io
import re
import tempfile
from pathlib import Path

from PIL import Image
from rich.console import Console

from omnisense.agent.cli import respond
from omnisense.agent.cli.main import cli

ROOT = Path(__file__).resolve().parents[1]
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


if __name__ == "__main__":
    (ROOT / "docs" / "demo.svg").write_text(terminal_svg(demo_terminal()) + "\n", "utf-8")
    timeline_picture(ROOT / "docs" / "timeline.png")
