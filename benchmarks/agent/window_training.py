"""A tiny policy that learns to choose the part of a clip that a question is about.

A question and a window's text are sentence embeddings (all-MiniLM-L6-v2, not trained); their similarity is a bilinear
form of low rank beside the dot product, 12,289 parameters. It is trained on made-up timelines, which share nothing with
the clip that it is tested on: events of several kinds are drawn, and one is asked about in other words. Examples of
another seed are drawn from the same sentences, so that many ask what an example of this one asks.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from omnisense import models
from omnisense.errors import PolicyError
from omnisense.perception.emotion.text import EMBEDDING, load_embedder
from omnisense.reasoning.loop.retrieval import window_prompt
from omnisense.reasoning.policies.base import Choice, OnToken
from omnisense.reasoning.policies.messages import Messages, Modality, PreparedPrompt, text_of

_RANK = 16
_POOL, _TIMELINE = 400, 80  # made-up events, and how many of them are on one timeline
_MOMENT = re.compile(r"^[A-Z]\. (?:\[[^\]]*\] )?(.*)$", re.MULTILINE)
_SUBJECTS = (
    "my sister",
    "our neighbour",
    "the teacher",
    "my boss",
    "her cousin",
    "the driver",
    "my doctor",
    "the team",
)
_TOPICS = (  # what is said, and how it is asked about
    ("{s} lost the keys of the car", "Who could not find something?"),
    ("{s} has moved to a house by the lake", "Where does somebody live now?"),
    ("{s} is ill and stays in bed", "Who is not well?"),
    ("{s} won a prize for the garden", "What was somebody awarded?"),
    ("{s} missed the train to the airport", "Why was somebody late for a journey?"),
    ("{s} paid too much for the new computer", "What cost a lot of money?"),
    ("{s} cooks soup with onions every evening", "What food is mentioned?"),
    ("{s} plays the violin in an orchestra", "Which instrument is spoken of?"),
    ("{s} wants to paint the kitchen green", "Which room will get another colour?"),
    ("{s} forgot the birthday of the twins", "Whose celebration was overlooked?"),
    ("{s} broke an arm while skiing", "What injury is mentioned?"),
    ("{s} cannot sleep because of the storm", "What does the weather do to somebody?"),
    ("{s} sold the boat last winter", "What was given away for money?"),
    ("{s} learns to speak Japanese", "Which language is being studied?"),
    ("{s} fears the exam in mathematics", "Which test is somebody afraid of?"),
    ("{s} found a kitten under the stairs", "Which animal was discovered?"),
)
_COMMANDS = (("move", "shift", "turn", "drop"), ("green", "black", "pink", "brown"), ("near", "over", "under"))
_DIGITS = ("one", "three", "five", "six", "eight")
_FACES = ("angry", "surprised", "sad", "happy", "neutral", "afraid")
_WHERE = ("on the left", "on the right", "in the centre")
_VOICES = (
    ("a laughter-like sound", "When does somebody laugh?"),
    ("a voice interrupts another", "Who cuts somebody off?"),
)


@dataclass(frozen=True)
class Example:
    """A question, the lines of four windows, and which of them it is about."""

    question: str
    texts: tuple[str, ...]
    answer: int


def make_examples(count: int, seed: int = 0) -> list[Example]:
    """Return examples from made-up timelines; the wrong windows are those that a search would find as well."""
    rng = random.Random(seed)
    pool = [_event(rng) for _ in range(_POOL)]
    vectors = _embed([text for text, _ in pool])
    queries = _embed([question for _, question in pool])
    found = []
    for _ in range(count):
        right = rng.randrange(_POOL)
        others = [i for i in rng.sample(range(_POOL), _TIMELINE) if pool[i][1] != pool[right][1]]
        wrong: list[int] = []
        for i in sorted(others, key=lambda i: -float(vectors[i] @ queries[right])):
            if len(wrong) < 3 and pool[i][0] not in {pool[k][0] for k in (*wrong, right)}:
                wrong.append(i)
        order = rng.sample([right, *wrong], 4)
        times = sorted(rng.uniform(5, 3590) for _ in order)
        texts = tuple(f"[{t:.1f}-{t + 3:.1f}s] {pool[i][0]}" for t, i in zip(times, order, strict=True))
        found.append(Example(pool[right][1], texts, order.index(right)))
    return found


def _event(rng: random.Random) -> tuple[str, str]:
    """Return an event in the timeline's words, and a question about it."""
    kind = rng.random()
    who = rng.choice(("somebody", "the person in view", "a voice off screen", "the person on the left"))
    if kind < 0.45:
        said, asked = rng.choice(_TOPICS)
        return f'{who} says: "{said.format(s=rng.choice(_SUBJECTS)).capitalize()}."', asked
    if kind < 0.7:
        verb, color, place = (rng.choice(words) for words in _COMMANDS)
        letter, digit = rng.choice("abdefghij"), rng.choice(_DIGITS)
        said = f"{verb} {color} {place} {letter} {digit} please"
        ask = rng.choice((f"Which number follows '{verb} {color} {place}'?", f"What is said after '{verb} {color}'?"))
        return f'{who} says: "{said.capitalize()}."', ask
    if kind < 0.92:
        first, then = rng.sample(_FACES, 2)
        where = rng.choice(_WHERE)
        text = f"the face {where} looks {then} ({rng.uniform(0.4, 1):.2f}), after {first}"
        return text, rng.choice(
            (f"How does the face {where} look after it was {first}?", f"When does a face turn {then}?")
        )
    return rng.choice(_VOICES)


class WindowPolicy:
    """Chooses windows by what it has learned; between other options it has no preference.

    Args:
        file: that :func:`train` wrote; None for the plain similarity, before training.
    """

    modalities: frozenset[Modality] = frozenset({"text"})
    scores_likelihoods = False
    needs_guidance = True

    def __init__(self, file: Path | None = None) -> None:
        self.name = file.stem if file else "untrained"
        self._weights = dict(np.load(file, allow_pickle=False)) if file else None

    def prepare(self, prompt: Messages) -> PreparedPrompt:
        """Return the prompt as it is."""
        return PreparedPrompt(prompt)

    def write(
        self,
        prompts: Sequence[Messages],
        *,
        max_new_tokens: int = 256,
        temperature: float = 0.0,
        stop: Sequence[str] = (),
        seed: int = 0,
        on_token: OnToken | None = None,
        schema: Mapping[str, Any] | None = None,
        max_seconds: float | None = None,
    ) -> list[str]:
        """Raise PolicyError: it only chooses."""
        raise PolicyError("the tiny policy cannot write", "Use it as a guided policy that chooses.")

    def choose(
        self, prompts: Sequence[Messages], options: Sequence[Sequence[str]], *, max_seconds: float | None = None
    ) -> list[Choice]:
        """Choose the window that a question is about; of other options each is as likely as the others."""
        return [self._choice(text_of(prompt[-1]), row) for prompt, row in zip(prompts, options, strict=True)]

    def _choice(self, told: str, options: Sequence[str]) -> Choice:
        texts = _MOMENT.findall(told)
        if "Moments of the clip:" not in told or len(texts) != len(options):
            return Choice(0, (1 / len(options),) * len(options))
        question = told.partition("Question: ")[2].splitlines()[0]
        query, rows = _embed([question])[0], _embed(texts)
        logits = rows @ query / 0.08
        if self._weights is not None:
            learned = (rows @ self._weights["of_text"]) @ (self._weights["of_question"].T @ query)
            logits = float(self._weights["scale"]) * (rows @ query) + learned
        shares = np.exp(logits - logits.max())
        shares /= shares.sum()
        return Choice(int(shares.argmax()), tuple(shares.tolist()))


def train(file: Path, examples: Sequence[Example], steps: int = 100, seed: int = 0) -> float:
    """Train the policy on examples, and write its weights.

    Args:
        file: for the weights, ``.npz``.
        examples: what it learns from.
        steps: of the optimizer, over all examples each.
        seed: of the initial weights.

    Returns:
        The last loss; ln 4 = 1.39 is chance.
    """
    import torch

    texts = list(dict.fromkeys(text for e in examples for text in (*map(_without_time, e.texts), e.question)))
    at = {text: i for i, text in enumerate(texts)}
    vectors = torch.tensor(_embed(texts))
    rows = vectors[torch.tensor([[at[_without_time(t)] for t in e.texts] for e in examples])]  # (N, 4, D)
    queries = vectors[torch.tensor([at[e.question] for e in examples])]  # (N, D)
    gold = torch.tensor([e.answer for e in examples])
    generator = torch.Generator().manual_seed(seed)
    of_text = (0.05 * torch.randn(vectors.shape[1], _RANK, generator=generator)).requires_grad_()
    of_question = torch.zeros(vectors.shape[1], _RANK, requires_grad=True)  # it begins as the plain similarity
    scale = torch.tensor(10.0, requires_grad=True)
    optimizer = torch.optim.AdamW([of_text, of_question, scale], lr=0.003, weight_decay=0.1)
    loss = torch.tensor(0.0)
    for _ in range(steps):
        learned = torch.einsum("nkr,nr->nk", rows @ of_text, queries @ of_question)
        logits = scale * torch.einsum("nkd,nd->nk", rows, queries) + learned
        loss = torch.nn.functional.cross_entropy(logits, gold)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    weights = {"of_text": of_text, "of_question": of_question, "scale": scale}
    np.savez(file, **{name: value.detach().numpy() for name, value in weights.items()})
    return float(loss.detach())


def accuracy(policy: WindowPolicy, examples: Sequence[Example]) -> float:
    """Return the share of examples whose window the policy chooses."""
    asked = [window_prompt(example.question, example.texts) for example in examples]
    chosen = policy.choose([prompt for prompt, _ in asked], [options for _, options in asked])
    return sum(c.index == e.answer for c, e in zip(chosen, examples, strict=True)) / len(examples)


def _without_time(text: str) -> str:
    return text.partition("] ")[2]


def _embed(texts: Sequence[str]) -> np.ndarray:
    return load_embedder(models.fetch(EMBEDDING)).encode(texts)
