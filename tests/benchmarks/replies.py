"""Replies of every shape that models write, and some that nobody should: for comparing scorers. Seeded."""

from __future__ import annotations

import random
from typing import Any

from omnisense.benchmarks.harness.question_files import PATTERNS

_TEXTS = [
    "happy",
    "sad",
    "angry",
    "very sad",
    "Hugging a friend.",
    "a, b and c",
    "He waves; she leaves",
    "中立",
    "3",
    "No",
]
_TASKS = ["Emo_Strategy", "Abnormal_Recognition", "Rapport_Recognition", "Human Counting", "Lie_Detection", "New task"]
_ALPHABET = [*"ABCDEabcdeF ,.，、;:()[]*\n01239yYnNesoTxé '\"", "<answer>", "</answer>", "<think>", "</think>"]


def rows(count: int, seed: int, model: str, think: bool) -> list[dict[str, Any]]:
    """Rows of the official form with a reply under ``model``, on each of which the authors' script runs through."""
    rng = random.Random(seed)
    return [_row(rng, model, think) for _ in range(count)]


def _row(rng: random.Random, model: str, think: bool) -> dict[str, Any]:
    pattern, kind = rng.choice(list(PATTERNS.items()))
    n = 4 if kind == "several" else rng.randint(2, 5)
    options = [f"{letter}. {rng.choice(_TEXTS)}" for letter in "ABCDE"[:n]]
    letters = "ABCDE"[:n]
    gold = {
        "one": lambda: rng.choice([rng.choice(letters), rng.choice(letters).lower(), rng.choice(options)]),
        "several": lambda: rng.choice([", ", "", ","]).join(sorted(rng.sample(letters, rng.randint(1, n)))),
        "number": lambda: str(rng.randint(0, 10)),
        "yes_no": lambda: rng.choice(["Yes", "No", "yes"]),
    }[kind]()
    row = {"task_type": rng.choice(_TASKS), "question": "?", "question_pattern": pattern, "answer": gold}
    if kind in ("one", "several"):
        row["options"] = options
    reply = _reply(rng, kind, options, gold)
    if think:
        reply = _with_tags(rng, reply)
        if kind == "number":  # the script stops at anything but a digit here
            reply = rng.choice(["{}", "<think>x</think><answer>{}</answer>", "<answer>\n {} </answer>"]).format(
                rng.choice([gold, str(rng.randint(0, 99)), f"{rng.randint(0, 9)} people", f"{gold}."])
            )
    if rng.random() < 0.95:
        row[model] = reply
    return {"video_path": "videos/x.mp4", "questions": row}


def _reply(rng: random.Random, kind: str, options: list[str], gold: str) -> str:
    letters = [o[0] for o in options] or list("AB")
    letter, option = rng.choice(letters), rng.choice(options) if options else "A. x"
    some = sorted(rng.sample(letters, rng.randint(1, len(letters))))
    shapes = [
        gold, gold.lower(), f"{gold}.", f" {gold}", letter, letter.lower(), f"({letter})", f"{letter})", option,
        option.lower(), option[3:], option[3:].upper(), f"{letter}.{option[3:]}", f"{letter}, because", f"**{letter}**",
        ", ".join(some), "".join(some), " ".join(some), ",".join(some).lower(), " and ".join(some), "\n".join(some),
        "Yes", "No", "yes.", "No.", "Y e s", "Yes, he is", "A man smiles", "The answer is " + letter, "", " ", ".", ",",
        "10", "3", "three", "0", "12 people", "٣", "²", "-1", "E", "e", "e.", "None", "，", "。",
        "".join(rng.choice(_ALPHABET) for _ in range(rng.randint(1, 12))),
    ]  # fmt: skip
    return rng.choice(shapes)


def _with_tags(rng: random.Random, reply: str) -> str:
    form = rng.choice(
        ["<think>hm</think><answer>{}</answer>", "<answer>{}</answer>", "<answer> {}\n</answer>", "{}", "<answer>{}",
         "<think>it is A</think>{}", "<answer>{}</answer><answer>A</answer>", "{}<answer>{}</answer>"]
    )  # fmt: skip
    return form.replace("{}", reply)
