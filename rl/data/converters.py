"""Converters of public datasets on the user's disk to training rows in HumanSense's format.

Every row names its ``group`` (dialogue, story, clip, writer), which a split keeps together. A ``think`` trace is
template-based, from the right answer: it teaches the form of an answer and nothing else. Each dataset has its own
license; :data:`CONVERTERS` lists them, and the command prints the one that applies.
"""

from __future__ import annotations

import csv
import itertools
import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from omnisense.benchmarks.harness.question_files import OPEN
from omnisense.errors import InputError
from omnisense.files import read_lines
from omnisense.rl.data.epitome import MECHANISMS, read_pairs
from omnisense.rl.data.image_converters import IMAGE_CONVERTERS
from omnisense.rl.data.published import find_files
from omnisense.text import parse_json

SINGLE_CHOICE = "Multiple-choice question (select one answer choice)"
_LAST_TURNS = 6
_MAX_CHARACTERS = 1200
_REPLY_WORDS = 40
Row = dict[str, Any]


class Converter(NamedTuple):
    """A converter of a public dataset: its function, the dataset's license, and which folder to give it."""

    read: Callable[[Path, random.Random], Iterator[Row]]
    license: str
    usage: str


def convert(name: str, folder: Path, seed: int = 0, limit: int = 0) -> list[Row]:
    """Return the rows of a dataset, shuffled.

    Args:
        name: a key of :data:`CONVERTERS`.
        folder: with the dataset's files.
        seed: of the order of rows, and of the wrong options and their order.
        limit: at most so many rows; 0 for all.

    Raises:
        InputError: an unknown dataset, or its files are missing or not as published.
    """
    if name not in CONVERTERS:
        raise InputError(f"there is no dataset '{name}'", f"Choose from {', '.join([*CONVERTERS, *IMAGE_CONVERTERS])}.")
    rng = random.Random(f"{seed}:{name}")
    try:
        rows = list(CONVERTERS[name].read(folder, rng))
    except (OSError, KeyError, ValueError, IndexError, TypeError, AttributeError, csv.Error) as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"this is not {name} as published ({cause})", CONVERTERS[name].usage, folder) from error
    rng.shuffle(rows)
    return rows[:limit] if limit else rows


def meld(folder: Path, rng: random.Random) -> Iterator[Row]:
    """MELD: the emotion of a speaker in a line, given the lines before it."""
    emotions = ["joy", "sadness", "anger", "fear", "disgust", "surprise", "neutral"]
    for file in find_files(folder, "*_sent_emo.csv"):
        lines = list(csv.DictReader(read_lines(file)))
        for number, group in itertools.groupby(lines, key=lambda line: line["Dialogue_ID"]):
            dialogue = list(group)
            for end, line in enumerate(dialogue, 1):
                transcript = _transcript(
                    (u["Speaker"], u["Utterance"]) for u in dialogue[max(0, end - _LAST_TURNS) : end]
                )
                wrong = rng.sample([e for e in emotions if e != line["Emotion"]], 3)
                question = f"What does {line['Speaker']} feel in the last line?"
                clip = f"dia{number}_utt{line['Utterance_ID']}.mp4"
                row = _choice(
                    "Emotion_Recognition", question, [line["Emotion"], *wrong], rng, transcript, f"{file.name}:{number}"
                )
                yield _with_clip(row, folder, clip)


def goemotions(folder: Path, rng: random.Random) -> Iterator[Row]:
    """GoEmotions: the emotion that a comment expresses, for comments with exactly one."""
    labels = (folder / "labels.txt").read_text("utf-8").split()
    for file in find_files(folder, "*.tsv"):
        for line in read_lines(file):
            text, marked, name = line.rstrip("\n").split("\t")
            if "," in marked or labels[int(marked)] == "neutral":
                continue
            emotion = labels[int(marked)]
            wrong = rng.sample([e for e in labels if e not in (emotion, "neutral")], 3)
            question = "Which emotion does the writer express?"
            yield _choice("Emotion_Recognition", question, [emotion, *wrong], rng, text, name)


def esconv(folder: Path, rng: random.Random) -> Iterator[Row]:
    """ESConv: the support strategy of the supporter's next turn."""
    names = {
        "Questions": "ask a question", "Question": "ask a question", "Self-disclosure": "tell of oneself",
        "Reflection of feelings": "reflect the feelings", "Restatement or Paraphrasing": "say it back in other words",
        "Affirmation and Reassurance": "affirm and reassure", "Providing Suggestions": "give a suggestion",
        "Information": "give information",
    }  # fmt: skip
    strategies = list(dict.fromkeys(names.values()))
    for file in find_files(folder, "*WithStrategy_short.tsv"):
        dialogue, last = 0, -1
        for line in read_lines(file):
            turns = [_esconv_turn(part) for part in line.strip().split(" EOS ")]
            place, _, taken, _ = turns[-1]
            dialogue, last = dialogue + (place <= last), place
            if taken in names and len(turns) > 1:
                transcript = _transcript(
                    ("Supporter" if who else "Seeker", text) for _, who, _, text in turns[-_LAST_TURNS - 1 : -1]
                )
                wrong = rng.sample([s for s in strategies if s != names[taken]], 3)
                question = "What should the supporter do next?"
                yield _choice(
                    "Emo_Strategy", question, [names[taken], *wrong], rng, transcript, f"{file.name}:{dialogue}"
                )


def _esconv_turn(part: str) -> tuple[int, bool, str, str]:
    """Return position, whether the supporter speaks, strategy and text. A line's first turn may lack its weight."""
    fields = part.strip().split(" ", 3)
    if "." not in fields[0]:
        fields = ["", *part.strip().split(" ", 2)]
    _, who, place, *rest = fields
    text = rest[0] if rest else ""
    if text.startswith("["):
        strategy, _, text = text[1:].partition("]")
        return int(place), who == "1", strategy, text.strip()
    return int(place), who == "1", "", text.strip()


def siq2(folder: Path, rng: random.Random) -> Iterator[Row]:
    """Social-IQ 2.0: questions about social situations; with their clips if the folder has ``video/``."""
    for file in find_files(folder, "qa_*.json"):
        for line in map(parse_json, filter(str.strip, read_lines(file))):
            options = [str(line[f"a{i}"]) for i in range(4)]
            if "answer_idx" not in line or len(set(options)) < 4:
                continue
            right = options[int(line["answer_idx"])]
            row = _choice(
                "Social_Reasoning", line["q"], [right, *[o for o in options if o != right]], rng, "", line["vid_name"]
            )
            yield _with_clip(row, folder, f"{line['vid_name']}.mp4", line["ts"])


def tombench(folder: Path, rng: random.Random) -> Iterator[Row]:
    """ToMBench (its English half): what a person in a story thinks, feels, wants or means."""
    for file in find_files(folder, "*.jsonl"):
        for line in map(parse_json, read_lines(file)):
            options = [str(line[f"OPTION-{letter}"]) for letter in "ABCD" if line.get(f"OPTION-{letter}")]
            place = "ABCD".find(str(line["答案\nANSWER"]).strip())
            if not 0 <= place < len(options) or len(options) < 2 or len(set(options)) < len(options):
                continue
            right, story = options[place], str(line["STORY"])
            wrong = [option for option in options if option != right]
            yield _choice("Theory_of_Mind", line["QUESTION"], [right, *wrong], rng, story, story[:200])


def epitome(folder: Path, rng: random.Random) -> Iterator[Row]:
    """EPITOME: how strongly a reply shows each mechanism of empathy; and each post as an open question."""
    posts: dict[str, str] = {}
    levels = ["not at all", "weakly", "strongly"]
    for pair in read_pairs(folder):
        posts.setdefault(pair.post_id, pair.post)
        for mechanism, question in MECHANISMS.items():
            transcript = f"A person: {pair.post}\nThe reply: {pair.reply}"
            right = levels[pair.levels[mechanism]]
            yield _choice("Empathy", question, levels, None, transcript, pair.post_id, right=right)
    for name, post in posts.items():
        yield {"questions": {"task_type": "Empathetic_Reply", "question": "Reply to this person.", "group": name,
                             "question_pattern": OPEN, "asr_en": _truncate(post)}}  # fmt: skip


def casino(folder: Path, rng: random.Random) -> Iterator[Row]:
    """CaSiNo: how much one negotiator likes the other after their negotiation."""
    likes = ["Extremely like", "Slightly like", "Undecided", "Slightly dislike", "Extremely dislike"]
    for file in find_files(folder, "casino*.json"):
        for dialogue in parse_json("".join(read_lines(file))):
            names = {"mturk_agent_1": "Alex", "mturk_agent_2": "Sam"}
            transcript = _transcript(
                (names[turn["id"]], turn["text"]) for turn in dialogue["chat_logs"] if turn["id"] in names
            )
            for who, other in (("mturk_agent_1", "mturk_agent_2"), ("mturk_agent_2", "mturk_agent_1")):
                liking = dialogue["participant_info"][who]["outcomes"]["opponent_likeness"]
                if liking in likes:
                    question = f"How much does {names[who]} like {names[other]}?"
                    group = f"casino:{dialogue['dialogue_id']}"
                    yield _choice("Rapport_Recognition", question, likes, None, transcript, group, right=liking)


def counselchat(folder: Path, rng: random.Random) -> Iterator[Row]:
    """CounselChat: which counsellor's answer was written to a question; of several the one with most upvotes."""
    for file in find_files(folder, "*counsel_chat.csv"):
        best: dict[str, dict[str, str]] = {}
        for line in csv.DictReader(read_lines(file)):
            if line["questionText"] and line["answerText"]:
                kept = best.setdefault(line["questionID"], line)
                if int(line["upvotes"] or 0) > int(kept["upvotes"] or 0):
                    best[line["questionID"]] = line
        answers = {key: _first_words(line["answerText"]) for key, line in best.items()}
        for key, line in best.items():
            wrong = [answers[other] for other in rng.sample([k for k in answers if k != key], 3)]
            if len({answers[key], *wrong}) == 4:
                post = f"{line['questionTitle']} {_first_words(line['questionText'])}"
                yield _choice(
                    "Psychological_Chat", "Which reply fits best?", [answers[key], *wrong], rng, post, f"counsel:{key}"
                )


def _first_words(text: str) -> str:
    words = text.split()
    return " ".join(words[:_REPLY_WORDS]) + (" ..." if len(words) > _REPLY_WORDS else "")


CONVERTERS = {
    "meld": Converter(meld, "GPL-3.0", "Give the folder with train_sent_emo.csv; clips go into its video/."),
    "goemotions": Converter(goemotions, "Apache-2.0", "Give the folder with train.tsv and labels.txt (emotions.txt)."),
    "esconv": Converter(esconv, "CC BY-NC 4.0", "Give the folder with trainWithStrategy_short.tsv."),
    "siq2": Converter(siq2, "MIT", "Give the folder with qa_train.json; clips go into its video/."),
    "tombench": Converter(tombench, "MIT", "Give the folder with its .jsonl files."),
    "epitome": Converter(epitome, "for non-commercial research", "Give the folder with its three -reddit.csv files."),
    "casino": Converter(casino, "CC BY 4.0", "Give the folder with casino_train.json."),
    "counselchat": Converter(counselchat, "MIT", "Give the folder with its counsel_chat.csv."),
}


# --- rows -------------------------------------------------------------------------------------------------------------


def _choice(
    task: str,
    question: str,
    options: Sequence[str],
    rng: random.Random | None,
    text: str,
    group: str,
    right: str | None = None,
) -> Row:
    """Return a multiple-choice row.

    Args:
        task: its task.
        question: its text.
        options: the right one first, unless ``right`` is given.
        rng: shuffles the options; None to keep their order.
        text: what precedes the question.
        group: which a split keeps together.
        right: the right option.
    """
    right, options = right if right is not None else options[0], list(options)
    if rng is not None:
        rng.shuffle(options)
    letter = "ABCDEFGH"[options.index(right)]
    return {
        "questions": {
            "task_type": task,
            "question": str(question).strip(),
            "question_pattern": SINGLE_CHOICE,
            "options": [f"{'ABCDEFGH'[i]}. {option}" for i, option in enumerate(options)],
            "answer": letter,
            "asr_en": _truncate(text),
            "group": group,
            "think": f"Of what is offered, '{right.rstrip('.')}' fits best, and that is {letter}.",
        }
    }


def _with_clip(row: Row, folder: Path, name: str, window: str = "") -> Row:
    """Return the row with its clip and its time window, if the folder has the clip."""
    if not (folder / "video" / name).is_file():
        return row
    start, _, end = window.partition("-")
    timing = {"video_or_clip": "clip", "time": f"[{start} - {end}]"} if end else {}
    return {"video_path": f"videos/{name}", **timing, **row}


def _transcript(turns: Any) -> str:
    return "\n".join(f"{who}: {' '.join(text.split())}" for who, text in turns)


def _truncate(text: str) -> str:
    """Return the end of a long text, which matters most."""
    return text if len(text) <= _MAX_CHARACTERS else f"... {text[-_MAX_CHARACTERS:]}"
