"""Text that others wrote, made safe to show."""

from __future__ import annotations

import re

# C0 and C1 control characters but tab and newline: ESC and U+009B begin commands to a terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def strip_control_characters(text: str) -> str:
    """Return a text without control characters; tabs and newlines stay."""
    return _CONTROL.sub("", text)


def escape_markdown(text: str) -> str:
    """Return a text for a line of Markdown, where it is no HTML, link or image, and does not end a table's cell."""
    line = strip_control_characters(" ".join(text.split()))
    return line.replace("<", "&lt;").replace("|", "\\|").replace("](", "]\\(")


def shorten(text: str, max_chars: int) -> str:
    """Return a text of at most ``max_chars`` characters: whole words of its beginning and its end around ``[...]``."""
    if len(text) <= max_chars:
        return text
    half = (max_chars - len(" [...] ")) // 2
    return f"{text[:half].rpartition(' ')[0] or text[:half]} [...] {text[-half:].partition(' ')[2] or text[-half:]}"
