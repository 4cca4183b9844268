"""The card of the text emotion heads."""

from __future__ import annotations

from typing import Any

from omnisense.perception.emotion.reliability import reliability_table
from omnisense.perception.emotion.text_heads import SHIPPED, SHIPPED_GROUPS, SHIPPED_TERMS


def text_card(figures: dict[str, Any]) -> str:
    """Return the card as Markdown, from the figures of :func:`omnisense.perception.emotion.train_text.train_text`."""
    fine, groups, said = figures[SHIPPED], figures[SHIPPED_GROUPS], figures["dialogue"]
    return f"""# Text emotion heads (`{SHIPPED}.npz`, `{SHIPPED_TERMS}.npz`, `{SHIPPED_GROUPS}.npz`)

Two linear heads with one sigmoid a label, whose logits add up: one on features of a sentence embedding,
all-MiniLM-L6-v2 (`emotion/text.py`), one on the words and pairs of words (TF-IDF, 6,000 terms). A third reads their
logits, the length and the punctuation of the sentence, and gives the groups. {figures["bytes"] / 1000:.0f} kB together.
For what is spoken, `text_emotion_spoken.npz` gives the groups instead; it has its own card.

- **Classes**: the 27 emotions of GoEmotions and neutral; Ekman's six and neutral, as GoEmotions groups them.
- **Data**: GoEmotions (Demszky et al., "GoEmotions: A Dataset of Fine-Grained Emotions", ACL 2020; Apache-2.0):
  {figures["train"]:,} English Reddit comments to train on, {figures["dev"]:,} (dev) to judge by. Every fifth training
  comment is unseen by the large heads: they are calibrated with these, and thresholds chosen. The head of the groups is
  fitted on three quarters of these and on a third of the dialogues of CaSiNo (Chawla et al., "CaSiNo: A Corpus of
  Campsite Negotiation Dialogues", NAACL 2021; CC BY 4.0), whose lines have the emotion of their emoticon or,
  where they only speak of goods, none; it is calibrated with the other quarter and another third.
- **Macro-F1 on dev**: 28 labels **{fine["macro_f1"]:.3f}**, Ekman **{groups["macro_f1"]:.3f}** (the paper's fine-tuned
  BERT: .46 and .64 on test).
- **F1, Ekman**: {_listed(groups["f1"])}.
- **F1, 28 labels**: {_listed(fine["f1"])}.
- **Dialogue** ({said["n"]} lines of the last third of CaSiNo): the likeliest group is right in
  {said["accuracy"]:.3f}, macro-F1 {said["macro_f1"]:.3f}; {said["neutral given a feeling"]:.0%} of neutral lines are
  given a feeling, and {said["others given one"]:.0%} of the others. What is reached on television
  dialogue, which nothing was fitted on, is in `benchmarks/results/perception.md`.

**Reliability** on dev: how often a text has the label with the highest score, by that score.

Ekman:

{reliability_table(groups["reliability"])}

28 labels:

{reliability_table(fine["reliability"])}

Ekman, dialogue (the last third of CaSiNo):

{reliability_table(said["reliability"])}

**Limits.** English, written: spoken sentences are shorter and plainer, and irony is not looked for. A sentence stands
alone; what came before it does not count. The rarest labels (`grief`, `pride`, `relief`) have 77 to 153 training
texts. Feelings *named* are not feelings *had*. In dialogue of other kinds, scores are too high.

Made by `python -m omnisense.perception.emotion.train text GOEMOTIONS CASINO`.
"""


def _listed(scores: dict[str, float]) -> str:
    return ", ".join(f"{label} {score:.2f}" for label, score in sorted(scores.items(), key=lambda kv: -kv[1]))
