"""Text that others wrote, made safe to show."""

from __future__ import annotations

import json
import re
from typing import Any

# C0 and C1 control characters but tab and newline: ESC and U+009B begin commands to a terminal.
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_FENCE = re.compile(r'"{3,}')
# A sentence ends at its mark, with closing quotes and brackets; not after a title, an initial or within a number.
_END = re.compile(r"(?<=[.!?\u2026])[\"'\u201d\u2019)\]]*\s+(?=\S)")
_TITLES = frozenset("mr mrs ms dr prof st vs etc e.g i.e no".split())
_MIN_CHARS = 3


def strip_control_characters(text: str) -> str:
    """Return a text without control characters; tabs and newlines stay."""
    return text if text.isprintable() else _CONTROL.sub("", text)


def escape_c1(line: str) -> str:
    """Return a line of JSON with DEL and C1 characters escaped: JSON escapes C0 only, and terminals obey these too."""
    return re.sub(r"[\x7f-\x9f]", lambda found: f"\\u{ord(found[0]):04x}", line)


def one_line(text: str) -> str:
    """Return a text on one line: in a list with an item a line, it cannot begin another item or end the list."""
    return strip_control_characters(" ".join(text.split()))


def quote(text: str) -> str:
    """Return a text as a JSON string on one line: quotation marks and line breaks in it are escaped."""
    # U+2028 and U+2029 are line breaks that JSON leaves as they are.
    plain = strip_control_characters(text).replace("\u2028", "\n").replace("\u2029", "\n")
    return json.dumps(plain, ensure_ascii=False)


def unquote(text: str) -> str:
    """Return the text of a JSON string.

    Raises:
        ValueError: it is none.
    """
    value = json.loads(text, strict=False)  # of what quote() returned, which is one string
    if not isinstance(value, str):
        raise ValueError(f"no JSON string: {text[:80]}")
    return value


def parse_json(text: str | bytes) -> Any:
    """Return the value of a JSON text.

    Raises:
        ValueError: it is no JSON, or nested so deeply that Python's parser gives up (some 1,000 levels).
    """
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deeply") from error


def parse_yaml(text: str, loader: Any = None) -> Any:
    """Return the value of a YAML document; tags of Python objects are errors.

    Args:
        text: the document.
        loader: a ``yaml.SafeLoader`` of one's own.

    Raises:
        yaml.YAMLError: it is no YAML, or nested too deeply.
    """
    import yaml

    try:
        return yaml.load(text, loader or yaml.SafeLoader)
    except RecursionError as error:
        raise yaml.YAMLError("it is nested too deeply") from error


def fence(text: str) -> str:
    """Return a text of several lines between lines of three quotation marks, of which it holds none itself."""
    inner = strip_control_characters(text).strip()
    if '"""' in inner:
        inner = _FENCE.sub(lambda found: "'" * len(found[0]), inner)
    return f'"""\n{inner}\n"""'


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


def split_sentences(text: str) -> list[str]:
    """Return the sentences of a text in order, each with its punctuation."""
    found: list[str] = []
    for paragraph in re.split(r"\n+", text.strip()):
        start = 0
        for end in _END.finditer(paragraph):
            if _is_end(paragraph[start : end.start()], paragraph[end.end()]):
                found.append(paragraph[start : end.end()].strip())
                start = end.end()
        found.append(paragraph[start:].strip())
    return [sentence for sentence in found if any(c.isalnum() for c in sentence)]


def _is_end(sentence: str, following: str) -> bool:
    if following.islower() or len(sentence.strip()) < _MIN_CHARS:
        return False
    if not sentence.endswith("."):
        return True
    word = re.split(r"\s", sentence[:-1])[-1].strip("(\"'")
    return word.lower() not in _TITLES and not (len(word) == 1 and word.isupper() and word != "I")
