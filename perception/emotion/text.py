"""Text emotion: the emotions of a sentence, and its sentiment.

The shipped heads use the words and a sentence embedding (all-MiniLM-L6-v2): means, maxima and minima over the words at
several of its layers, since the top layer mostly keeps the topic of a sentence, and words of emotion show
further down. They were trained on GoEmotions (Demszky et al., ACL 2020), with its 28 labels, and with its grouping by
Ekman's emotions on dialogues too (:mod:`omnisense.perception.emotion.text_heads`). Any Hugging Face text classifier can
be used instead.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import numpy as np

from omnisense.errors import ModelError, first_line
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text_heads import (
    FEELING_SHARE,
    SHIPPED,
    SHIPPED_SPOKEN,
    SPOKEN_FEELING_SHARE,
    TextHeads,
)
from omnisense.perception.speech.languages import language_name
from omnisense.perception.types import Transcript

EMBEDDING = "all-minilm-l6-v2"
MAX_TOKENS = 64
# GoEmotions' own groupings (Demszky et al., 2020, section 4 and its repository's mappings).
EKMAN = {
    "anger": ("anger", "annoyance", "disapproval"),
    "disgust": ("disgust",),
    "fear": ("fear", "nervousness"),
    "joy": ("joy amusement approval excitement gratitude love optimism relief pride admiration desire caring").split(),
    "sadness": ("sadness", "disappointment", "embarrassment", "grief", "remorse"),
    "surprise": ("surprise", "realization", "confusion", "curiosity"),
    "neutral": ("neutral",),
}
_GROUP_OF = {label: group for group, labels in EKMAN.items() for label in labels}
_POSITIVE = {*EKMAN["joy"], "positive", "happiness", "happy", "pos"}
_NEGATIVE = {*EKMAN["anger"], *EKMAN["disgust"], *EKMAN["fear"], *EKMAN["sadness"], "negative", "sad", "angry", "neg"}


class Pooling(NamedTuple):
    """The layers of a model whose means, maxima and minima over the words are its features; 0 is the word embeddings.

    Attributes:
        means: layers.
        maxima: layers.
        minima: layers.
    """

    means: tuple[int, ...]
    maxima: tuple[int, ...] = ()
    minima: tuple[int, ...] = ()


MINILM = Pooling((0, 2, 4, 6), (4, 6), (6,))


class TextEmotion(NamedTuple):
    """The emotion of one sentence.

    Attributes:
        scores: (K,) in the order of the classifier's labels.
        feelings: the labels over their thresholds, the most probable first.
        sentiment: -1 (negative) to 1 (positive); None where the labels are neither.
    """

    scores: np.ndarray
    feelings: tuple[str, ...]
    sentiment: float | None


class TextEmotionClassifier(Protocol):
    """Classifies the emotion of sentences."""

    labels: tuple[str, ...]
    name: str
    languages: frozenset[str] | None  # codes of those that it reads; None where that is not known

    def classify(self, sentences: Sequence[str], *, spoken: bool = False) -> list[TextEmotion]:
        """Return one result per sentence, of sentences that were all spoken, or all written."""


def add_text_emotion(transcript: Transcript, classifier: TextEmotionClassifier, *, spoken: bool = False) -> Transcript:
    """Return the transcript with the emotion of its segments in languages that the classifier reads.

    Args:
        transcript: of speech, or of a written text.
        classifier: that reads its segments.
        spoken: whether it is of speech.
    """
    known = classifier.languages
    read = [s for s in transcript.segments if known is None or s.language is None or s.language in known]
    found = {id(s): e for s, e in zip(read, classifier.classify([s.text for s in read], spoken=spoken), strict=True)}
    segments = tuple(
        replace(
            segment,
            emotion=tuple(round(float(s), 4) for s in emotion.scores),
            feelings=emotion.feelings,
            sentiment=emotion.sentiment,
        )
        if (emotion := found.get(id(segment)))
        else segment
        for segment in transcript.segments
    )
    other = sorted({s.language for s in transcript.segments if id(s) not in found and s.language})
    note = f"no text emotion of speech in {', '.join(map(language_name, other))}: the model does not read it"
    notes = (*transcript.notes, note) if other else transcript.notes
    return replace(transcript, segments=segments, emotion_labels=classifier.labels, notes=notes)


class SentenceEmbedder:
    """Sentence embeddings by a model, and the features that heads use; see :func:`load_embedder`.

    Args:
        folder: of the model.
        pooling: of its features; the default is that of the heads on MiniLM.

    Raises:
        ModelError: the folder contains no such model, or torch and transformers are not installed.
    """

    def __init__(self, folder: Path, pooling: Pooling = MINILM) -> None:
        self._pooling = pooling
        try:
            from transformers import AutoModel, AutoTokenizer
        except ImportError as error:
            raise ModelError(
                f"the sentence embedding model needs a package that is not installed ({error.name})",
                "Install omnisense with all it requires.",
                folder,
            ) from error
        try:
            self._tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            self._model = AutoModel.from_pretrained(folder, trust_remote_code=False).eval()
        except Exception as error:  # each library has types of its own, for damaged weights for instance
            raise ModelError(
                f"the sentence embedding model cannot be loaded ({first_line(error)})",
                f"Run `omnisense models pull {folder.name}`.",
                folder,
            ) from error

    def embed(self, sentences: Sequence[str], batch_size: int = 128) -> np.ndarray:
        """Return features (N, D) float32, in the order of the sentences; they are truncated to 64 tokens.

        D is 2688 with MiniLM's pooling.
        """
        return self._in_batches(sentences, self._features, batch_size)

    def encode(self, sentences: Sequence[str], batch_size: int = 64) -> np.ndarray:
        """Return embeddings (N, H) float32 of length 1, whose dot product is the similarity of two sentences.

        They are what the model was trained to give: the mean over the words at its last layer, truncated to 64 tokens.
        """
        return self._in_batches(sentences, self._means, batch_size)

    def _in_batches(
        self, sentences: Sequence[str], embed: Callable[[list[str]], np.ndarray], batch_size: int
    ) -> np.ndarray:
        rows: dict[int, np.ndarray] = {}
        order = np.argsort([len(s) for s in sentences], kind="stable")  # similar lengths share a batch
        for at in range(0, len(order), batch_size):
            chosen = order[at : at + batch_size].tolist()
            rows |= dict(zip(chosen, embed([sentences[i] for i in chosen]), strict=True))
        return np.stack([rows[i] for i in range(len(sentences))])

    def _features(self, sentences: list[str]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            layers, mask = self._layers(sentences)
            pooled = [(layers[i] * mask).sum(1) / mask.sum(1) for i in self._pooling.means]
            pooled += [layers[i].masked_fill(~mask, -torch.inf).amax(1) for i in self._pooling.maxima]
            pooled += [layers[i].masked_fill(~mask, torch.inf).amin(1) for i in self._pooling.minima]
            features: np.ndarray = torch.cat(pooled, dim=1).float().numpy()
        return features

    def _means(self, sentences: list[str]) -> np.ndarray:
        import torch

        with torch.inference_mode():
            layers, mask = self._layers(sentences)
            means = (layers[-1] * mask).sum(1) / mask.sum(1)
            rows: np.ndarray = torch.nn.functional.normalize(means, dim=1).float().numpy()
        return rows

    def _layers(self, sentences: list[str]) -> tuple[Any, Any]:
        """Return the hidden states of all layers, (N, T, H) each, and the mask (N, T, 1) of words."""
        # What is spelled like a special token ("[SEP]") is text too: as a token it would hide what stands before it.
        inputs = self._tokenizer(
            sentences,
            padding=True,
            truncation=True,
            max_length=MAX_TOKENS,
            split_special_tokens=True,
            return_tensors="pt",
        )
        layers = self._model(**inputs, output_hidden_states=True).hidden_states
        return layers, inputs["attention_mask"][..., None].bool()


def load_embedder(folder: Path, pooling: Pooling = MINILM) -> SentenceEmbedder:
    """Return the embedder of a folder, loaded once for emotion and search, by whichever path it is named.

    Args:
        folder: of the model.
        pooling: of its features.

    Raises:
        ModelError: the folder contains no such model.
    """
    return _load_embedder(folder.resolve(), pooling)


@functools.lru_cache(maxsize=3)
def _load_embedder(folder: Path, pooling: Pooling) -> SentenceEmbedder:
    return SentenceEmbedder(folder, pooling)


class ShippedTextClassifier:
    """The heads that ship with OmniSense; ``text_emotion.md`` and ``text_emotion_spoken.md`` are their model cards.

    Scores are of Ekman's emotions and ``neutral``, one sigmoid each; feelings are of GoEmotions' 28 labels.

    Args:
        folder: of the sentence embedding model.

    Raises:
        ModelError: a model cannot be loaded.
    """

    name, languages = SHIPPED, frozenset({"en"})

    def __init__(self, folder: Path) -> None:
        self._embedder, self._heads = load_embedder(folder), TextHeads.load()
        self._spoken = LinearHead.load(shipped=SHIPPED_SPOKEN)
        self.labels = self._heads.groups.labels

    def classify(self, sentences: Sequence[str], *, spoken: bool = False) -> list[TextEmotion]:
        """Return one result per sentence; another head reads those that were spoken."""
        return self.classify_features(sentences, self._embedder.embed(sentences), spoken) if sentences else []

    def classify_features(
        self, sentences: Sequence[str], features: np.ndarray, spoken: bool = False
    ) -> list[TextEmotion]:
        """Return one result per sentence, with its features (N, 2688) as :meth:`SentenceEmbedder.embed` gives them."""
        fine, groups = self._heads.scores(sentences, features, self._spoken if spoken else None)
        labels = self._heads.labels
        return [
            TextEmotion(group, feelings_of(self._heads, row, group, spoken), _sentiment(labels, row))
            for row, group in zip(fine, groups, strict=True)
        ]


def feelings_of(heads: TextHeads, scores: np.ndarray, groups: np.ndarray, spoken: bool = False) -> tuple[str, ...]:
    """Return the labels over their thresholds, the most probable first, without those whose group is improbable.

    Args:
        heads: which gave the scores.
        scores: (28,) of the labels.
        groups: (7,) of Ekman's emotions and neutral.
        spoken: whether the sentence was.
    """
    over = _labels_over(heads.labels, scores, heads.thresholds)
    of_group = dict(zip(heads.groups.labels, groups.tolist(), strict=True))
    least = (SPOKEN_FEELING_SHARE if spoken else FEELING_SHARE) * of_group["neutral"]
    return tuple(label for label in over if label == "neutral" or of_group[_GROUP_OF[label]] >= least)


class HuggingFaceTextClassifier:
    """Any Hugging Face text classifier, with one label or several per text.

    Args:
        folder: of the model.
        name: as in the settings.

    Raises:
        ModelError: the folder contains no such model.
    """

    languages = None

    def __init__(self, folder: Path, name: str) -> None:
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        try:
            self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, trust_remote_code=False)
            self._model = AutoModelForSequenceClassification.from_pretrained(folder, trust_remote_code=False).eval()
        except Exception as error:  # each library has types of its own, for damaged weights for instance
            raise ModelError(
                f"the text classifier cannot be loaded ({first_line(error)})",
                "Name a model with a tokenizer and a classification head.",
                folder,
            ) from error
        names = self._model.config.id2label
        self.labels, self.name = tuple(str(names[k]).lower() for k in range(len(names))), name
        self._is_multi_label = self._model.config.problem_type == "multi_label_classification"

    def classify(self, sentences: Sequence[str], *, spoken: bool = False) -> list[TextEmotion]:
        """Return one result per sentence; the model reads speech as it does writing."""
        import torch

        found = []
        for sentence in sentences:
            inputs = self._tokenizer(
                sentence, truncation=True, max_length=512, split_special_tokens=True, return_tensors="pt"
            )
            with torch.inference_mode():
                logits = self._model(**inputs).logits[0].float()
            scores = (logits.sigmoid() if self._is_multi_label else logits.softmax(dim=-1)).numpy()
            present = _labels_over(self.labels, scores, np.full(len(scores), 0.5))
            found.append(TextEmotion(scores, present, _sentiment(self.labels, scores)))
        return found


def _labels_over(labels: Sequence[str], scores: np.ndarray, thresholds: np.ndarray) -> tuple[str, ...]:
    """Return the labels over their thresholds, the most probable first."""
    over = [k for k in np.argsort(-scores) if scores[k] >= thresholds[k]]
    return tuple(labels[k] for k in over)


def _sentiment(labels: Sequence[str], scores: np.ndarray) -> float | None:
    """Return positive minus negative scores over the sum of all; None unless there are labels of both kinds."""
    positive = sum(float(s) for label, s in zip(labels, scores, strict=True) if label in _POSITIVE)
    negative = sum(float(s) for label, s in zip(labels, scores, strict=True) if label in _NEGATIVE)
    known = {label for label in labels if label in _POSITIVE} and {label for label in labels if label in _NEGATIVE}
    return round((positive - negative) / max(float(np.sum(scores)), 1e-9), 3) if known else None
