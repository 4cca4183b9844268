"""Build a benchmark in HumanSense's official format, to run where the official data cannot be downloaded.

``python -m omnisense.benchmarks.humansense.build SOURCES OUTPUT`` reads a folder with some or all of: ``grid/``
(talking heads with transcripts), ``faces/`` (a woman who weeps and then smiles), ``pedestrians/``, ``speech/emodb/``
and ``text/`` (dialogue sets), and writes ``HumanSense_VQA.json``, ``HumanSense_AQA.json``, ``videos/``, ``audios/``.

It does not replace HumanSense: fewer tasks, shorter clips, acted or scripted material. Tasks that HumanSense does
not have keep their own names. The same sources and seed give the same questions. Mind the licences of the sources:
some of the text sets are for research only, so the output is not for passing on.

Speakers on whom a head that ships was trained (``perception/fitted_on.toml``) are left out, for figures on them say
nothing of others: of EmoDB these are seven of the ten, so that questions about their voices are asked only
with ``--training-speakers``. ``perception/emotion/voice_emotion.md`` says how the head does on people whom it has not
heard.
"""

from __future__ import annotations

import csv
import gzip
import hashlib
import itertools
import json
import random
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click
import numpy as np

from omnisense.errors import InputError
from omnisense.perception.fitted_on import training_speakers
from omnisense.perception.media.clip import SAMPLE_RATE_HZ, open_clip
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.text import parse_json

_ONE = "Multiple-choice question (select one answer choice)"
_SEVERAL = "Multiple-choice question (select one or more answer choices)"
_NUMBER = "Question and answer (Arabic numerals)"
_YES_NO = "Judgment question (Yes or No)"
_FPS = 25
# Counted by hand in the windows (s) of the pedestrian clip: every person in the image, near or far.
_PEDESTRIANS = (((0.2, 0.9), 3), ((3.2, 3.8), 5), ((6.2, 6.8), 6), ((18.2, 18.8), 7))
# What the face shows in windows (s) of the face clips, by their own descriptions and by eye.
_FACES = (
    ("WolfgangLanger_Pexels.mp4", (0.0, 7.0), "sad"),
    ("WolfgangLanger_Pexels.mp4", (0.0, 4.0), "sad"),
    ("WolfgangLanger_Pexels.mp4", (3.0, 7.0), "sad"),
    ("WolfgangLanger_Pexels.mp4", (12.0, 19.0), "happy"),
    ("WolfgangLanger_Pexels.mp4", (12.0, 15.0), "happy"),
    ("WolfgangLanger_Pexels.mp4", (15.0, 19.0), "happy"),
)
_VOICES = {"anger": "angry", "happiness": "happy", "neutral": "neutral", "sadness": "sad"}
_EKMAN = ["joy", "sadness", "anger", "fear", "disgust", "surprise", "neutral"]
Row = dict[str, Any]


class Builder:
    """Makes rows and their media.

    Args:
        sources: where the material is.
        output: where the benchmark goes.
        seed: of every choice.
        limit: at most this many questions from each text set.
        training_speakers: whether to ask about speakers on whom a head that ships was trained.
    """

    def __init__(self, sources: Path, output: Path, seed: int, limit: int, training_speakers: bool = False) -> None:
        self._sources, self._output, self._seed, self._limit = sources, output, seed, limit
        self._training_speakers = training_speakers

    def build(self) -> dict[str, int]:
        """Write the benchmark; questions by task.

        Raises:
            InputError: none of the sources is there.
        """
        for name in ("videos", "audios"):
            (self._output / name).mkdir(parents=True, exist_ok=True)
        video = [*self.speakers(), *self.words(), *self.faces(), *self.crowds(), *self.texts()]
        audio = list(self.voices())
        if not video and not audio:
            raise InputError(
                "none of the sources is there", "Give a folder with grid/, faces/, speech/, text/.", self._sources
            )
        counts: dict[str, int] = {}
        for row in [*video, *audio]:
            task = row["questions"]["task_type"]
            counts[task] = counts.get(task, 0) + 1
        for name, rows in (("HumanSense_VQA.json", video), ("HumanSense_AQA.json", audio)):
            (self._output / name).unlink(missing_ok=True)
            if rows:
                (self._output / name).write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n", "utf-8")
        return counts

    def clips_digest(self) -> str:
        """Return a hash of the pictures and sounds that clips are composed of, as they are read from the sources.

        Clips that were composed when it was another may show something else than their questions say: an earlier
        version read these pictures half a second early, so that no mouth fitted the voice.
        """
        digest = hashlib.sha256()
        for file, _ in self._grid():
            clip = open_clip(file)
            digest.update(clip.frames(Sampling(fps=_FPS, max_pixels=None)).images.tobytes())
            digest.update(clip.audio().tobytes())
        return digest.hexdigest()[:16]

    # --- questions about clips ---

    def speakers(self) -> Iterator[Row]:
        """Two people side by side, one of them audible: who speaks? Every pair in both orders; then silent pairs."""
        clips = self._grid()
        pairs = list(itertools.permutations(clips, 2))
        for number, (left, right) in enumerate(pairs):
            speaking = (left, right, None)[number % 3 if number % 7 == 6 else number % 2]
            name = f"videos/pair_{left[0].stem}_{right[0].stem}.mp4"
            frames = _side_by_side(left[0], right[0])
            sound = open_clip(speaking[0]).audio() if speaking else np.zeros(3 * SAMPLE_RATE_HZ, np.float32)
            write_clip(self._output / name, frames, sound, _FPS)
            right_one = (
                "the person on the left" if speaking is left else "the person on the right" if speaking else "nobody"
            )
            others = ["the person on the left", "the person on the right", "both of them", "nobody"]
            question = self._choice(
                "Talkingperson_Recognition", f"{name}", "Who is speaking in the clip?", others, right_one
            )
            yield self._row(name, question | {"asr_en": speaking[1] if speaking else ""}, frames=len(frames), fps=_FPS)

    def words(self) -> Iterator[Row]:
        """A talking head: what does the person say?"""
        clips = self._grid()
        for file, said in clips:
            name = f"videos/{file.name}"
            shutil.copyfile(file, self._output / name)
            others = [text for _, text in clips if text != said]
            wrong = random.Random(f"{self._seed}:{file.name}").sample(others, 3)
            question = self._choice("Speech_Content", name, "What does the person say?", [said, *wrong], said)
            yield self._row(name, question | {"asr_en": said}, frames=75, fps=_FPS)

    def faces(self) -> Iterator[Row]:
        """A face in a window of a clip: what does it show?"""
        for file, (start_s, end_s), shown in _FACES:
            source = self._sources / "faces" / file
            if not source.is_file():
                continue
            name = f"videos/{file}"
            if not (self._output / name).is_file():
                shutil.copyfile(source, self._output / name)
            clip = open_clip(source)
            question = self._choice(
                "Emotion_Recognition", f"{name}{start_s}", "What emotion does the person's face show?",
                ["happy", "sad", "angry", "afraid"], shown)  # fmt: skip
            row = self._row(name, question, frames=clip.frame_count, fps=clip.frame_rate)
            yield row | {"video_or_clip": "clip", "time": f"[{start_s:g} - {end_s:g}]"}

    def crowds(self) -> Iterator[Row]:
        """People in the street: how many?"""
        source = self._sources / "pedestrians" / "vtest_20s.avi"
        if not source.is_file():
            return
        name = "videos/pedestrians.avi"
        shutil.copyfile(source, self._output / name)
        for (start_s, end_s), count in _PEDESTRIANS:
            question = {"task_type": "Human_Counting", "question": "How many people are in the picture, near and far?",
                        "question_pattern": _NUMBER, "answer": str(count)}  # fmt: skip
            row = self._row(name, question, frames=200, fps=10)
            yield row | {"video_or_clip": "clip", "time": f"[{start_s:g} - {end_s:g}]"}

    def voices(self) -> Iterator[Row]:
        """German sentences, acted: which emotion is in the voice?"""
        folder = self._sources / "speech" / "emodb"
        if not (folder / "labels.csv").is_file():
            return
        left_out = frozenset() if self._training_speakers else training_speakers("emodb")
        with (folder / "labels.csv").open(encoding="utf-8") as file:
            for line in csv.DictReader(file):
                if line["speaker"] in left_out:
                    continue
                name = f"audios/{line['file']}"
                shutil.copyfile(folder / line["file"], self._output / name)
                question = self._choice("Voice_Emotion", name, "What emotion is in the speaker's voice?",
                                        list(_VOICES.values()), _VOICES[line["emotion"]])  # fmt: skip
                yield self._row(name, question)

    # --- questions about transcripts ---

    def texts(self) -> Iterator[Row]:
        """Questions about texts."""
        folder = self._sources / "text"
        readers = {
            "meld/dev_sent_emo.csv.gz": self._meld,
            "tombench": self._tombench,
            "casino/casino_train.json.gz": self._casino,
            "counselchat/20200325_counsel_chat.csv.gz": self._counselchat,
            "diplomacy_deception/train.jsonl.gz": self._diplomacy,
            "goemotions/dev.tsv.gz": self._goemotions,
        }
        for name, read in readers.items():
            if (folder / name).exists():
                rows = list(read(folder / name))
                random.Random(f"{self._seed}:{name}").shuffle(rows)
                for transcript, question in rows[: self._limit]:
                    yield self._row("", question | {"asr_en": transcript})

    def _meld(self, file: Path) -> Iterator[tuple[str, Row]]:
        lines = list(csv.DictReader(_lines(file)))
        for _, group in itertools.groupby(lines, key=lambda line: line["Dialogue_ID"]):
            dialogue = list(group)
            last = dialogue[-1]
            said = "\n".join(f"{u['Speaker']}: {u['Utterance']}" for u in dialogue[-6:])
            wrong = random.Random(f"{self._seed}:{last['Sr No.']}").sample(
                [e for e in _EKMAN if e != last["Emotion"]], 3
            )
            asked = f"What does {last['Speaker']} feel in the last line?"
            yield said, self._choice("Emotion_Recognition", said, asked, [last["Emotion"], *wrong], last["Emotion"])

    def _tombench(self, folder: Path) -> Iterator[tuple[str, Row]]:
        for file in sorted(folder.glob("*.jsonl.gz")):
            for line in map(parse_json, _lines(file)):
                options = [str(line[f"OPTION-{letter}"]) for letter in "ABCD" if line.get(f"OPTION-{letter}")]
                place = "ABCD".find(str(line["答案\nANSWER"]).strip())
                if 0 <= place < len(options) >= 2 and len(set(options)) == len(options):
                    story, asked = line["STORY"], line["QUESTION"]
                    yield story, self._choice("Theory_of_Mind", story, asked, options, options[place])

    def _casino(self, file: Path) -> Iterator[tuple[str, Row]]:
        likes = ["Extremely like", "Slightly like", "Undecided", "Slightly dislike", "Extremely dislike"]
        for talk in parse_json("".join(_lines(file))):
            names = {"mturk_agent_1": "Alex", "mturk_agent_2": "Sam"}
            lines = [f"{names[turn['id']]}: {turn['text']}" for turn in talk["chat_logs"] if turn["id"] in names]
            felt = talk["participant_info"]["mturk_agent_1"]["outcomes"]["opponent_likeness"]
            if felt in likes:
                text = "\n".join(lines)
                yield text, self._choice("Rapport_Recognition", text, "How much does Alex like Sam?", likes, felt)

    def _counselchat(self, file: Path) -> Iterator[tuple[str, Row]]:
        best: dict[str, Row] = {}
        for line in csv.DictReader(_lines(file)):
            if line["questionText"] and line["answerText"]:
                kept = best.setdefault(line["questionID"], line)
                if int(line["upvotes"] or 0) > int(kept["upvotes"] or 0):
                    best[line["questionID"]] = line
        answers = {key: _shortened(line["answerText"]) for key, line in best.items()}
        for key, line in best.items():
            others = sorted(other for other in answers if other != key)
            wrong = [answers[k] for k in random.Random(f"{self._seed}:{key}").sample(others, 3)]
            post = f"{line['questionTitle']} {line['questionText']}"
            options = [answers[key], *wrong]
            if len(set(options)) == 4:
                yield post, self._choice("Psychological_Chat", post, "Which reply fits best?", options, answers[key])

    def _diplomacy(self, file: Path) -> Iterator[tuple[str, Row]]:
        messages: dict[bool, list[str]] = {True: [], False: []}
        for game in map(parse_json, _lines(file)):
            for message, honest in zip(game["messages"], game["sender_labels"], strict=True):
                if isinstance(honest, bool) and 15 <= len(message.split()) <= 120:
                    messages[honest].append(message)
        draw = random.Random(f"{self._seed}:diplomacy")
        for honest, message in [
            (h, m) for h in (True, False) for m in draw.sample(messages[h], min(len(messages[h]), 200))
        ]:
            yield message, {"task_type": "Lie_Detection", "question": "Is the writer of this message lying?",
                            "question_pattern": _YES_NO, "answer": "No" if honest else "Yes"}  # fmt: skip

    def _goemotions(self, file: Path) -> Iterator[tuple[str, Row]]:
        labels = (file.parent / "labels.txt").read_text("utf-8").split()
        for line in _lines(file):
            text, marked, name = line.rstrip("\n").split("\t")
            felt = [labels[int(i)] for i in marked.split(",") if labels[int(i)] != "neutral"]
            if len(felt) < 2:
                continue
            draw = random.Random(f"{self._seed}:{name}")
            options = felt[:3] + draw.sample([e for e in labels if e not in felt and e != "neutral"], 4 - len(felt[:3]))
            draw.shuffle(options)
            yield text, {"task_type": "Mixed_Emotions", "question": "Which emotions does the writer express?",
                         "question_pattern": _SEVERAL, "options": _lettered(options),
                         "answer": "".join("ABCD"[i] for i, o in enumerate(options) if o in felt)}  # fmt: skip

    # --- rows ---

    def _choice(self, task: str, key: str, question: str, options: Sequence[str], right: str) -> Row:
        options = list(options)
        random.Random(f"{self._seed}:{task}:{key}").shuffle(options)
        return {"task_type": task, "question": question, "question_pattern": _ONE, "options": _lettered(options),
                "answer": "ABCDE"[options.index(right)]}  # fmt: skip

    def _row(self, media: str, questions: Row, frames: int = 0, fps: float = 0.0) -> Row:
        timing = {"full_frame_number": frames, "fps": fps} if frames else {}
        return ({"video_path": media} if media else {}) | {"questions": questions | timing}

    def _grid(self) -> list[tuple[Path, str]]:
        folder = self._sources / "grid"
        if not (folder / "transcripts.csv").is_file():
            return []
        with (folder / "transcripts.csv").open(encoding="utf-8") as file:
            return [(folder / line["file"], line["transcript"]) for line in csv.DictReader(file)]


def _lettered(options: Sequence[str]) -> list[str]:
    return [f"{'ABCDE'[i]}. {option}" for i, option in enumerate(options)]


def _shortened(text: str, words: int = 40) -> str:
    parts = text.replace("\xa0", " ").split()
    return " ".join(parts[:words]) + (" ..." if len(parts) > words else "")


def _lines(file: Path) -> Iterator[str]:
    with gzip.open(file, "rt", encoding="utf-8", newline="") as lines:
        yield from lines


def _side_by_side(left: Path, right: Path) -> np.ndarray:
    """Frames (T, H, 2 W, 3) of two clips next to each other, as long as the shorter."""
    both = [open_clip(path).frames(Sampling(fps=_FPS, max_pixels=None)).images for path in (left, right)]
    length = min(map(len, both))
    return np.concatenate([images[:length] for images in both], axis=2)


@click.command()
@click.argument("sources", type=click.Path(path_type=Path, file_okay=False, exists=True))
@click.argument("output", type=click.Path(path_type=Path, file_okay=False))
@click.option("--seed", default=0, show_default=True)
@click.option("--limit", default=60, show_default=True, help="Maximum number of questions from each text set.")
@click.option("--training-speakers", "with_them", is_flag=True, help="Ask about speakers that trained a head, too.")
def main(sources: Path, output: Path, seed: int, limit: int, with_them: bool) -> None:
    """Build a benchmark in the official format from SOURCES into OUTPUT."""
    for task, count in Builder(sources, output, seed, limit, with_them).build().items():
        click.echo(f"{task:<28} {count:>5}")
    click.echo(f"written to {output}; look at it with: omnisense eval humansense --data {output} --validate")


if __name__ == "__main__":
    main()
