"""Public sets that a user has on disk, turned into training rows in HumanSense's shape.

Every row names its ``group`` (dialogue, story, clip, writer), which a split never cuts through. A ``think`` trace was
written by rule from the right answer: it teaches the form of an answer and no more. Mind the licences;
:data:`SOURCES` gives them, and the command prints the one that holds.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import json
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.benchmarks.harness.question_files import OPEN
from omnisense.errors import InputError
from omnisense.rl.data.image_converters import IMAGE_CONVERTERS

ONE = "Multiple-choice question (select one answer choice)"
_LAST_TURNS = 6
_MOST_CHARACTERS = 1200
Row = dict[str, Any]


class Converter(NamedTuple):
    """A public set: how it is read, its licence, and the file or folder by which it is known."""

    read: Callable[[Path, random.Random], Iterator[Row]]
    licence: str
    about: str


def convert(name: str, folder: Path, seed: int = 0, limit: int = 0) -> list[Row]:
    """The rows of a set, shuffled.

    Args:
        name: a key of :data:`SOURCES`.
        folder: where its files are.
        seed: of the order, of wrong options and of their places.
        limit: at most so many rows; 0 for all.

    Raises:
        InputError: an unknown set, or its files are not there or not as published.
    """
    if name not in CONVERTERS:
        raise InputError(f"there is no set '{name}'", f"Choose from {', '.join([*CONVERTERS, *IMAGE_CONVERTERS])}.")
    draw = random.Random(f"{seed}:{name}")
    try:
        rows = list(CONVERTERS[name].read(folder, draw))
    except (OSError, KeyError, ValueError, IndexError, TypeError) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"this is not {name} as published ({cause})", CONVERTERS[name].about, folder) from error
    draw.shuffle(rows)
    return rows[:limit] if limit else rows


def meld(folder: Path, draw: random.Random) -> Iterator[Row]:
    """MELD: what a speaker feels in a line, after the lines before it."""
    feelings = ["joy", "sadness", "anger", "fear", "disgust", "surprise", "neutral"]
    for file in _files(folder, "*_sent_emo.csv"):
        lines = list(csv.DictReader(_lines(file)))
        for number, group in itertools.groupby(lines, key=lambda line: line["Dialogue_ID"]):
            talk = list(group)
            for end, line in enumerate(talk, 1):
                said = _talk((u["Speaker"], u["Utterance"]) for u in talk[max(0, end - _LAST_TURNS) : end])
                wrong = draw.sample([f for f in feelings if f != line["Emotion"]], 3)
                asked = f"What does {line['Speaker']} feel in the last line?"
                clip = f"dia{number}_utt{line['Utterance_ID']}.mp4"
                row = _choice(
                    "Emotion_Recognition", asked, [line["Emotion"], *wrong], draw, said, f"{file.name}:{number}"
                )
                yield _with_clip(row, folder, clip)


def goemotions(folder: Path, draw: random.Random) -> Iterator[Row]:
    """GoEmotions: which emotion a comment expresses, of those that have one alone."""
    labels = (folder / "labels.txt").read_text("utf-8").split()
    for file in _files(folder, "*.tsv"):
        for line in _lines(file):
            text, marked, name = line.rstrip("\n").split("\t")
            if "," in marked or labels[int(marked)] == "neutral":
                continue
            felt = labels[int(marked)]
            wrong = draw.sample([e for e in labels if e not in (felt, "neutral")], 3)
            asked = "Which emotion does the writer express?"
            yield _choice("Emotion_Recognition", asked, [felt, *wrong], draw, text, name)


def esconv(folder: Path, draw: random.Random) -> Iterator[Row]:
    """ESConv: which support strategy the supporter takes next."""
    names = {
        "Questions": "ask a question", "Question": "ask a question", "Self-disclosure": "tell of oneself",
        "Reflection of feelings": "reflect the feelings", "Restatement or Paraphrasing": "say it back in other words",
        "Affirmation and Reassurance": "affirm and reassure", "Providing Suggestions": "give a suggestion",
        "Information": "give information",
    }  # fmt: skip
    strategies = list(dict.fromkeys(names.values()))
    for file in _files(folder, "*WithStrategy_short.tsv"):
        dialogue, last = 0, -1
        for line in _lines(file):
            turns = [_esconv_turn(part) for part in line.strip().split(" EOS ")]
            place, _, taken, _ = turns[-1]
            dialogue, last = dialogue + (place <= last), place
            if taken in names and len(turns) > 1:
                said = _talk(
                    ("Supporter" if who else "Seeker", text) for _, who, _, text in turns[-_LAST_TURNS - 1 : -1]
                )
                wrong = draw.sample([s for s in strategies if s != names[taken]], 3)
                asked = "What should the supporter do next?"
                yield _choice("Emo_Strategy", asked, [names[taken], *wrong], draw, said, f"{file.name}:{dialogue}")


def _esconv_turn(part: str) -> tuple[int, bool, str, str]:
    """Place, whether the supporter speaks, strategy, words; a line's first turn may lack its weight."""
    fields = part.strip().split(" ", 3)
    if "." not in fields[0]:
        fields = ["", *part.strip().split(" ", 2)]
    _, who, place, *rest = fields
    text = rest[0] if rest else ""
    if text.startswith("["):
        strategy, _, text = text[1:].partition("]")
        return int(place), who == "1", strategy, text.strip()
    return int(place), who == "1", "", text.strip()


def siq2(folder: Path, draw: random.Random) -> Iterator[Row]:
    """Social-IQ 2.0: questions on how people get on; with the clip where ``video/`` is there."""
    for file in _files(folder, "qa_*.json"):
        for line in map(json.loads, filter(str.strip, _lines(file))):
            options = [str(line[f"a{i}"]) for i in range(4)]
            if "answer_idx" not in line or len(set(options)) < 4:
                continue
            right = options[int(line["answer_idx"])]
            row = _choice(
                "Social_Reasoning", line["q"], [right, *[o for o in options if o != right]], draw, "", line["vid_name"]
            )
            yield _with_clip(row, folder, f"{line['vid_name']}.mp4", line["ts"])


def tombench(folder: Path, draw: random.Random) -> Iterator[Row]:
    """ToMBench (its English half): what somebody in a story thinks, feels, wants or means."""
    for file in _files(folder, "*.jsonl"):
        for line in map(json.loads, _lines(file)):
            options = [str(line[f"OPTION-{letter}"]) for letter in "ABCD" if line.get(f"OPTION-{letter}")]
            place = "ABCD".find(str(line["答案\nANSWER"]).strip())
            if not 0 <= place < len(options) or len(options) < 2 or len(set(options)) < len(options):
                continue
            right, story = options[place], str(line["STORY"])
            wrong = [option for option in options if option != right]
            yield _choice("Theory_of_Mind", line["QUESTION"], [right, *wrong], draw, story, story[:200])


def epitome(folder: Path, draw: random.Random) -> Iterator[Row]:
    """EPITOME: how strongly a reply shows each mechanism of empathy, and the posts alone, to be replied to."""
    from omnisense.rl.judge_calibration import read_pairs
    from omnisense.rl.judge_rewards import Empathy

    posts: dict[str, str] = {}
    for pair in read_pairs(folder):
        posts.setdefault(pair["post_id"], pair["post"])
        for mechanism, asked in Empathy.MECHANISMS.items():
            said = f"A person: {pair['post']}\nThe reply: {pair['reply']}"
            levels = ["not at all", "weakly", "strongly"]
            row = _choice("Empathy", asked, levels, None, said, pair["post_id"], right=levels[pair[mechanism]])
            yield row
    for name, post in posts.items():
        yield {"questions": {"task_type": "Empathetic_Reply", "question": "Reply to this person.", "group": name,
                             "question_pattern": OPEN, "asr_en": _cut(post)}}  # fmt: skip


def casino(folder: Path, draw: random.Random) -> Iterator[Row]:
    """CaSiNo: how much one negotiator likes the other after their talk."""
    likes = ["Extremely like", "Slightly like", "Undecided", "Slightly dislike", "Extremely dislike"]
    for file in _files(folder, "casino*.json"):
        for talk in json.loads("".join(_lines(file))):
            names = {"mturk_agent_1": "Alex", "mturk_agent_2": "Sam"}
            said = _talk((names[turn["id"]], turn["text"]) for turn in talk["chat_logs"] if turn["id"] in names)
            for who, other in (("mturk_agent_1", "mturk_agent_2"), ("mturk_agent_2", "mturk_agent_1")):
                felt = talk["participant_info"][who]["outcomes"]["opponent_likeness"]
                if felt in likes:
                    asked = f"How much does {names[who]} like {names[other]}?"
                    group = f"casino:{talk['dialogue_id']}"
                    yield _choice("Rapport_Recognition", asked, likes, None, said, group, right=felt)


CONVERTERS = {
    "meld": Converter(meld, "GPL-3.0", "Give the folder with train_sent_emo.csv; clips go into its video/."),
    "goemotions": Converter(goemotions, "Apache-2.0", "Give the folder with train.tsv and labels.txt (emotions.txt)."),
    "esconv": Converter(esconv, "CC BY-NC 4.0", "Give the folder with trainWithStrategy_short.tsv."),
    "siq2": Converter(siq2, "MIT", "Give the folder with qa_train.json; clips go into its video/."),
    "tombench": Converter(tombench, "MIT", "Give the folder with its .jsonl files."),
    "epitome": Converter(epitome, "for non-commercial research", "Give the folder with its three -reddit.csv files."),
    "casino": Converter(casino, "CC BY 4.0", "Give the folder with casino_train.json."),
}


# --- rows -------------------------------------------------------------------------------------------------------------


def _choice(
    task: str,
    asked: str,
    options: Sequence[str],
    draw: random.Random | None,
    said: str,
    group: str,
    right: str | None = None,
) -> Row:
    """A row of one right option: the first, unless ``right`` names it; shuffled where there is something to draw by."""
    right, options = right if right is not None else options[0], list(options)
    if draw is not None:
        draw.shuffle(options)
    letter = "ABCDEFGH"[options.index(right)]
    return {
        "questions": {
            "task_type": task,
            "question": str(asked).strip(),
            "question_pattern": ONE,
            "options": [f"{'ABCDEFGH'[i]}. {option}" for i, option in enumerate(options)],
            "answer": letter,
            "asr_en": _cut(said),
            "group": group,
            "think": f"Of what is offered, '{right.rstrip('.')}' fits best, and that is {letter}.",
        }
    }


def _with_clip(row: Row, folder: Path, name: str, window: str = "") -> Row:
    """The row with its clip and the window of it, where the user has the clip."""
    if not (folder / "video" / name).is_file():
        return row
    start, _, end = window.partition("-")
    timing = {"video_or_clip": "clip", "time": f"[{start} - {end}]"} if end else {}
    return {"video_path": f"videos/{name}", **timing, **row}


def _talk(turns: Any) -> str:
    return "\n".join(f"{who}: {' '.join(text.split())}" for who, text in turns)


def _cut(text: str) -> str:
    """The end of a long text: what was said last matters most."""
    return text if len(text) <= _MOST_CHARACTERS else f"... {text[-_MOST_CHARACTERS:]}"


def _files(folder: Path, pattern: str) -> list[Path]:
    found = sorted([*folder.glob(pattern), *folder.glob(f"{pattern}.gz")])
    if not found:
        raise FileNotFoundError(f"no {pattern}")
    return found


def _lines(file: Path) -> list[str]:
    data = file.read_bytes()
    text = gzip.decompress(data) if file.suffix == ".gz" else data
    return text.decode("utf-8").splitlines(keepends=True)
