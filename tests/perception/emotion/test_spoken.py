"""The head for speech: the lines that it is fitted on, and how it is put together."""

import re

import numpy as np

from omnisense.perception.emotion import text
from omnisense.perception.emotion.linear import LinearHead
from omnisense.perception.emotion.text_heads import SHIPPED_SPOKEN, TextHeads, spoken_features
from omnisense.perception.emotion.train_spoken import _on_embedding, read_spoken_lines


def test_written_lines_are_all_different_and_of_every_emotion():
    lines = read_spoken_lines()
    plain = [re.sub(r"[^a-z ]", "", line.lower()) + line[-2:] for line in lines.sentences]
    assert len(set(plain)) == len(plain)
    assert set(lines.emotions) == set(text.EKMAN)
    assert all(np.sum(lines.emotions == emotion) >= 40 for emotion in text.EKMAN)
    assert np.array_equal(lines.dialogues[lines.emotions == "fear"], np.arange(np.sum(lines.emotions == "fear")))


def test_a_head_on_directions_is_one_on_the_embedding():
    rng = np.random.default_rng(0)
    said, embedding, mean, directions = (
        rng.normal(size=(20, 3)),
        rng.normal(size=(20, 8)),
        rng.normal(size=8),
        np.linalg.qr(rng.normal(size=(8, 2)))[0],
    )
    head = LinearHead(
        ("a", "b"), rng.normal(size=5), rng.uniform(0.5, 2, 5), rng.normal(size=(5, 2)), np.ones(2), np.full(2, 0.5)
    )
    whole = _on_embedding(head, mean, directions)
    expected = head.logits(np.hstack([said, (embedding - mean) @ directions]))
    assert np.allclose(whole.logits(np.hstack([said, embedding])), expected, atol=1e-4)


def test_the_shipped_head_reads_what_the_large_ones_say():
    heads, spoken = TextHeads.load(), LinearHead.load(shipped=SHIPPED_SPOKEN)
    assert spoken.labels == tuple(text.EKMAN) == heads.groups.labels
    features = np.zeros((2, len(heads.embedding.mean)), np.float32)
    sentences = ["Where is it?", "Stop!"]
    read = spoken_features(sentences, heads.logits(sentences, features), features)
    assert read.shape == (2, len(spoken.mean))
    fine, groups = heads.scores(sentences, features, spoken)
    assert np.allclose(groups, spoken.scores(read))
    assert np.array_equal(fine, heads.scores(sentences, features)[0])
