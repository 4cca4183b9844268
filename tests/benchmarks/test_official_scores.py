"""The authors' scores against a second implementation of their rules, on 5,000 generated replies for each benchmark.

The second implementation is written from the descriptions of the rules, in another way than the first. HumanSense is
compared with what its authors' own scripts gave for 8,000 replies (``humansense/test_official_score.py``).
"""

import json
import math
import random
import re
from collections import Counter

import pytest

from omnisense.benchmarks.dailyomni import official_score as daily
from omnisense.benchmarks.dailyomni.suite import TASKS
from omnisense.benchmarks.emobench import official_score as emobench
from omnisense.benchmarks.emobench.sets import EMOTIONS, INTENTS
from omnisense.benchmarks.harness import problem_rows
from omnisense.benchmarks.harness.dataset import Sample
from omnisense.benchmarks.harness.prompting import PromptSettings, text_only
from omnisense.benchmarks.harness.records import read_records
from omnisense.benchmarks.harness.run import RunSettings, run
from omnisense.benchmarks.harness.suite import ModelUnderTest
from omnisense.benchmarks.harness.systems import SystemSettings
from omnisense.benchmarks.harness.text_metrics import bleu, rouge_l
from omnisense.benchmarks.herm import official_score as herm
from omnisense.benchmarks.omnibench import official_score as omnibench
from omnisense.benchmarks.suites import get_suite
from omnisense.benchmarks.worldsense import official_score as worldsense
from omnisense.perception.geometry import from_xywh
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.question import Question

N = 5000
WORDS = (
    "the happy sad Yes no know not A B C D a b (A) B. C, Answer: Option: assistant DNA 3.14 42 1,000 maybe I".split()
)


def some(rng, *shapes):
    return rng.choice(shapes)


def prose(rng):
    return " ".join(rng.choice(WORDS) for _ in range(rng.randint(0, 12)))


def tagged(rng, text):
    return some(
        rng,
        f"<answer>{text}</answer>",
        f"<think>it is A</think><answer> {text}\n</answer>",
        f"<answer></answer>{text}",
        text,
        f"<answer>{text}",
        f"<answer>{text}</answer> or <answer>B</answer>",
    )


# --- IntentBench ----------------------------------------------------------------------------------------------------


def between(text):
    start = text.find("<answer>")
    end = text.find("</answer>", start)
    return text[start + len("<answer>") : end].strip() if start >= 0 and end >= 0 else ""


def intent_reference(kind, reply, gold, last):
    said = between(reply) or last
    try:
        if kind == "multiple choice":
            return 1.0 * (said.strip() == gold.strip())
        if kind == "emer_ov_mc":
            ours, theirs = said.split(","), gold.split(",")
            common = len(set(ours).intersection(theirs))
            return 2 * common / (len(ours) + len(theirs)) if common else 0.0
        if kind == "judge":
            low = said.lower()
            return 1.0 if ("yes" in gold.lower() and "yes" in low) or ("no" in gold.lower() and "no" in low) else 0.0
        if kind not in ("numerical", "regression"):
            return 0.0
        if kind == "numerical" and bool(set(",.") & set(gold)) != bool(set(",.") & set(said)):
            return 0.0
        right, given = float("".join(gold.split(","))), float("".join(said.split(",")))
        if kind == "numerical":
            return 1.0 if round(right, 2) == round(given, 2) else 0.0
        import torch

        error = torch.abs(torch.tensor(given) - torch.tensor(right)) / (torch.abs(torch.tensor(right)) + 1e-8)
        passed = error < 1 - torch.arange(0.5, 0.95 + 0.025, 0.05)
        return float(passed.float().mean())
    except (ValueError, OverflowError):
        return 0.0


def intent_rows():
    rng = random.Random(1)
    rows, replies = [], []
    for _ in range(N):
        kind = rng.choice([*problem_rows.KINDS, "unknown"])
        gold = {
            "multiple choice": "B",
            "emer_ov_mc": some(rng, "A,C", "B", "A, C"),
            "judge": some(rng, "Yes", "No"),
        }.get(kind, some(rng, "3.14", "42", "1,000", "-2.5", "100", "x"))
        answer = some(
            rng, gold, gold.lower(), f"{gold}.", f" {gold} ", "A", "A,B", "C,A", "A,A", ",", "", "Yes, he is", "I know",
            "nothing", "3.141", "3.14159", "42.0", str(rng.randint(1, 200)), f"{rng.uniform(0, 200):.2f}", "1e999",
            "nan", "1000", prose(rng),
        )  # fmt: skip
        rows.append({"problem_type": kind, "solution": f"<answer>{gold}</answer>"})
        replies.append(tagged(rng, answer))
    return rows, replies


def test_intentbench():
    rows, replies = intent_rows()
    ours = [
        problem_rows.score_answer(
            problem_rows.tagged_answer(reply) or replies[-1], row["solution"], row["problem_type"]
        )
        for row, reply in zip(rows, replies, strict=True)
    ]
    theirs = [
        intent_reference(row["problem_type"], reply, between(row["solution"]), replies[-1])
        for row, reply in zip(rows, replies, strict=True)
    ]
    different = [
        (row, reply, a, b)
        for row, reply, a, b in zip(rows, replies, ours, theirs, strict=True)
        if not math.isclose(a, b, abs_tol=1e-6)
    ]
    assert different == []
    assert 0.02 < sum(ours) / N < 0.6


# --- Daily-Omni -----------------------------------------------------------------------------------------------------


def daily_reference(reply, gold):
    _, echo, after = reply.partition("assistant")
    said = after.strip() if echo else reply
    first = said.lstrip()[:1].upper()
    if first and first in "ABCD":
        return float(first == gold)
    return float(said.strip().upper() == gold and bool(said))


def test_daily_omni():
    rng = random.Random(2)
    scores = []
    for _ in range(N):
        gold = rng.choice("ABCD")
        letter = rng.choice("ABCDEabcde")
        reply = some(
            rng, letter, f" {letter}", f"{letter}. happy", f"assistant\n{letter}", f"user: ?\nassistant {letter}.",
            f"({letter})", f"Definitely {letter}", "", " ", "assistant", f"**{letter}**", f"The answer is {letter}",
            prose(rng), f"assistant{letter}", f"{letter}\nassistant\n{rng.choice('ABCD')}",
        )  # fmt: skip
        scores.append(daily.score_reply(reply, gold))
        assert scores[-1] == daily_reference(reply, gold), (reply, gold)
    assert 0.1 < sum(scores) / N < 0.5


def test_all_of_daily_omni_without_its_media(tmp_path):
    """A file as large and in the form of the published one: nothing is dropped, and replies score by the rule."""
    rng = random.Random(8)
    types = [name for name, n in TASKS.items() for _ in range(n)]
    said = ["B", "b. because", "Definitely C", "assistant\nD", "(A)", "none", "A "]
    forms = ["{0}. choice {0}{1}", " {0}.  choice {0}{1}\n", "{0}) choice {0}{1}", "({0}) choice {0}{1}",
             "{0}.choice {0}{1}", "{0}: choice {0}{1}", "{0} choice {0}{1}", "choice {0}{1}"]  # fmt: skip
    rows = [
        {"Question": rng.choice(["Question {}?", " Question {}?\n"]).format(i),
         "Choice": [forms[i % len(forms)].format(letter, i) for letter in "ABCD"],
         "Answer": rng.choice("ABCD") + rng.choice(["", " ", "\n"]), "Explaination": "-", "video_id": f"-{i % 684}_x-",
         "Type": types[i] + rng.choice(["", " "]), "video_category": "Entertainment",
         "video_duration": "30s" if i < 647 else "60s"}
        | ({} if i % 3 else {"content_parent_category": "Entertainment", "content_fine_category": "Game Reviews"})
        for i in range(1197)
    ]  # fmt: skip
    rows[5]["Choice"][2] = "a choice without its letter"
    rows[8]["Choice"][3] = "C. a choice with the letter of another"
    rows[16]["Choice"].reverse()
    (tmp_path / "qa.json").write_text(json.dumps(rows))
    script = tmp_path / "replies.json"
    script.write_text(json.dumps({"replies": said}))
    suite = get_suite("daily-omni")
    dataset = suite.load(tmp_path, ModelUnderTest())
    assert len(dataset.samples) == 1197
    assert dataset.is_official
    assert not any(sample.why_not(media=False) for sample in dataset.samples)
    assert Counter(sample.task for sample in dataset.samples) == TASKS
    assert Counter(sample.tags["video duration"] for sample in dataset.samples) == {("30s",): 647, ("60s",): 550}
    assert all([o[:1] for o in s.question.options] in (list("ABCD"), ["("] * 4) for s in dataset.samples)
    settings = RunSettings(suite, SystemSettings(policy=f"scripted:{script}"), text_only(PromptSettings()),
                           output=tmp_path / "run")  # fmt: skip
    run(settings, dataset)
    records = read_records(tmp_path / "run")
    assert len(records) == 1197
    assert {r.status for r in records} == {"answered"}
    assert all(r.official == daily_reference(r.reply, r.gold) for r in records)
    assert {r.reply for r in records} == set(said)


# --- WorldSense -----------------------------------------------------------------------------------------------------


def worldsense_reference(reply):
    whole = ["The best answer is", "The correct answer is", "The answer is", "The answer", "Answer:", "Option:"]
    joined = ["The best option isThe correct option is", "Best answer:Best option:"]  # where commas are missing
    for phrase in [*whole[:4], *joined, *whole[4:]]:
        reply = "".join(reply.split(phrase))
    return next((character for character in reply if character in "ABCD"), "")


def test_worldsense():
    rng = random.Random(3)
    read = 0
    for _ in range(N):
        letter = rng.choice("ABCDEabcd")
        reply = some(
            rng, letter, f"({letter})", f"The best answer is {letter}.", f"Answer: {letter}", f"Best option:{letter}",
            f"The answer is ({letter}) because", f"Actually, {letter}", "none of them", "", prose(rng),
            f"The correct option is {letter}", f"Best answer: {letter}", f"The The answeranswer is {letter}",
        )  # fmt: skip
        assert worldsense.letter_of(reply) == worldsense_reference(reply.strip()), reply
        read += bool(worldsense.letter_of(reply))
    assert 0.3 < read / N < 0.98


# --- EmoBench-M -----------------------------------------------------------------------------------------------------


def emobench_reference(reply, right, kind):
    reply, right = reply.strip().lower(), right.strip().lower()
    if not (reply and right):
        return None
    if kind == "label":
        return 1.0 if reply == right else 0.0
    pairs = []
    for text in (reply, right):
        emotion = [label for label in EMOTIONS if re.search(re.escape(label), text)][:1]
        intent = [label for label in INTENTS if re.search(re.escape(label), text)][:1]
        if not emotion or not intent:
            return None
        pairs.append((emotion, intent))
    return 1.0 if pairs[0] == pairs[1] else 0.0


def test_emobench():
    from sklearn.metrics import precision_recall_fscore_support

    rng = random.Random(4)
    labels = ["happy", "sad", "weak negative", "negative"]
    kept = []
    for _ in range(N):
        if rng.random() < 0.5:
            right = some(rng, rng.choice(labels), "", " Happy ")
            reply = some(rng, right, right.upper(), f" {right}\n", f"{right}.", rng.choice(labels), "", prose(rng))
            kind = "label"
        else:
            right = f"{{'emotion label': '{rng.choice(EMOTIONS)}', 'intent label': '{rng.choice(INTENTS)}'}}"
            pair = (rng.choice(EMOTIONS), rng.choice(INTENTS))
            reply = some(
                rng, right, right.upper(), ", ".join(pair), f"{pair[0]} only", f"unhappy and {pair[1]}", "", right
            )
            kind = "joint"
        ours = emobench.score_reply(reply, right, kind)
        assert ours == emobench_reference(reply, right, kind), (reply, right)
        if ours is not None and kind == "label":
            kept.append((right.strip().lower(), reply.strip().lower()))
    right, given = zip(*kept, strict=True)
    expected = precision_recall_fscore_support(right, given, average="weighted", zero_division=0)[:3]
    assert emobench.weighted_scores(right, given) == pytest.approx(expected)


# --- OmniBench ------------------------------------------------------------------------------------------------------


def omnibench_reference(reply, options):
    padded = " " + reply + " "
    bracketed = [x for x in "ABCD" if "(" + x + ")" in padded]
    spaced = [x for x in "ABCD" if x + " " in padded]
    dotted = [x for x in "ABCD" if x + "." in padded]
    if bracketed:
        return max(bracketed, key=lambda x: padded.rindex("(" + x + ")"))
    for letters in (spaced, dotted):
        if len(letters) == 1:
            return letters[0]
        if letters:  # the last that stands alone; where none does, the first
            return max(letters, key=lambda x: (padded.rfind(" " + x + " "), -ord(x)))
    if len(padded.split()) > 5:
        named = [x for x, option in zip("ABCD", options, strict=True) if option.lower() in padded.lower()]
        if named:
            return max(named, key=lambda x: (padded.lower().rfind(options["ABCD".index(x)].lower()), -ord(x)))
    return ""


def test_omnibench():
    rng = random.Random(5)
    options = ["They will fly", "They will sing", "they fly", "A man leaves"]
    scores = []
    for _ in range(N):
        letter, option, gold = rng.choice("ABCDE"), rng.choice(options), rng.choice("ABCD")
        reply = some(
            rng, letter, f"({letter})", f"{letter}.", f"{letter}. {option}", option, f"I think that {option}, you see",
            f"Not ({letter}) but ({rng.choice('ABCD')})", f"{letter} or {rng.choice('ABCD')} ", "", prose(rng),
            "none of them at all, no", f"first {option}, and then maybe {rng.choice(options)}", f"DNA. {letter}.",
        )  # fmt: skip
        read = omnibench_reference(reply, options)
        assert omnibench.letter_of(reply, options) == read, reply
        scores.append(omnibench.score_reply(reply, options, gold))
        assert scores[-1] == (float(read == gold) if read else 0.25)
    assert 0.1 < sum(scores) / N < 0.5


# --- SMILE of EmoBench-M: texts --------------------------------------------------------------------------------------


def bleu_reference(text, reference):
    """Sentence BLEU-4 (Papineni et al., 2002); orders without a match count 1/2, 1/4, ... (Chen and Cherry, 2014)."""
    given, right = text.split(), reference.split()
    if not given:
        return 0.0
    logs, halves = [], 1
    for n in range(1, 5):
        ours = Counter(tuple(given[i : i + n]) for i in range(len(given) - n + 1))
        theirs = Counter(tuple(right[i : i + n]) for i in range(len(right) - n + 1))
        if total := sum(ours.values()):
            common = sum((ours & theirs).values())
            halves *= 1 if common else 2
            logs.append(math.log(common / total if common else 1 / (halves * total)))
    if not set(given) & set(right):
        return 0.0
    short = math.exp(min(0.0, 1 - len(right) / len(given)))
    return short * math.exp(sum(logs) / len(logs)) if len(logs) == 4 else None


def rouge_reference(text, reference):
    """The F-measure of the longest common subsequence of words (Lin, 2004)."""
    given, right = text.split(), reference.split()
    best = [[0] * (len(right) + 1) for _ in range(len(given) + 1)]
    for i, a in enumerate(given):
        for j, b in enumerate(right):
            best[i + 1][j + 1] = best[i][j] + 1 if a == b else max(best[i][j + 1], best[i + 1][j])
    common = best[-1][-1]
    return 2 * common / (len(given) + len(right)) if common else 0.0


def test_generated_texts():
    pytest.importorskip("sacrebleu")
    pytest.importorskip("rouge_score")
    words = "the man cat dog sun hat ran sat big red on in at joke is".split()  # words that stemming leaves as they are
    rng = random.Random(6)
    seen = 0.0
    for _ in range(1000):
        right = [rng.choice(words) for _ in range(rng.randint(4, 10))]
        given = [w if rng.random() < 0.7 else rng.choice(words) for w in right[rng.randint(0, 2) :]]
        given += [rng.choice(words) for _ in range(rng.randint(0, 3))]
        text, reference = " ".join(given), " ".join(right)
        assert rouge_l(text, reference) == pytest.approx(rouge_reference(text, reference)), (text, reference)
        if (expected := bleu_reference(text, reference)) is not None:
            assert bleu([text], [reference]) == pytest.approx(expected, abs=1e-6), (text, reference)
            seen += expected
    assert 0.1 < seen / 1000 < 0.9


# --- HERM: boxes -----------------------------------------------------------------------------------------------------


def herm_reference(reply, golds):
    """Whether the first four numbers of a reply, in thousandths, are a box that overlaps a right one by half."""
    numbers = [int(n) / 1000 for n in re.findall(r"\d+", reply)[:4]]
    if len(numbers) < 4 or numbers[0] >= numbers[2] or numbers[1] >= numbers[3]:
        return 0.0
    x1, y1, x2, y2 = numbers
    for gx, gy, gw, gh in golds:
        wide, high = min(x2, gx + gw) - max(x1, gx), min(y2, gy + gh) - max(y1, gy)
        common = max(0.0, wide) * max(0.0, high)
        if common / ((x2 - x1) * (y2 - y1) + gw * gh - common) > 0.5:
            return 1.0
    return 0.0


def test_herm():
    rng = random.Random(7)
    scores = []
    for _ in range(N):
        golds = [[rng.randint(0, 50) / 100, rng.randint(0, 50) / 100, rng.randint(10, 50) / 100,
                  rng.randint(10, 50) / 100] for _ in range(rng.randint(1, 3))]  # fmt: skip
        found = []
        for x, y, w, h in rng.choices(golds, k=rng.randint(1, 2)):
            shift = [rng.randint(-120, 120) for _ in range(4)]
            edges = [round(1000 * v) + d for v, d in zip((x, y, x + w, y + h), shift, strict=True)]
            edges = [min(max(edge, 0), 1000) for edge in edges]
            found.append([*edges[:2], max(edges[2], edges[0] + 1), max(edges[3], edges[1] + 1)])
        reply = some(rng, str(found), str(found[0]), f"The person is at {found[0]}.", "nowhere", str(found))
        question = Question("Where?", "boxes", form="thousandths")
        sample = Sample("", "", 0, question, boxes.dump([from_xywh(gold) for gold in golds]), "image")
        scores.append(herm.official_score(sample, reply, False))
        assert scores[-1] == herm_reference(reply, golds), (reply, golds)
    assert 0.1 < sum(scores) / N < 0.9
