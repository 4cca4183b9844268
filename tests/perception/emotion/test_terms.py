"""The head on words beside scikit-learn, whose figures it must give without it, and the feelings that it leads to."""

import gzip
import json
import re
from dataclasses import replace

import numpy as np
import pytest

from omnisense import ModelError
from omnisense.perception.emotion.tables import membership
from omnisense.perception.emotion.terms import TermHead, split_terms
from omnisense.perception.emotion.text import EKMAN, feelings_of
from omnisense.perception.emotion.text_heads import SHIPPED, SHIPPED_GROUPS, SHIPPED_TERMS, TextHeads
from omnisense.perception.emotion.train import main
from omnisense.perception.emotion.train_text import fit_terms, read_casino

TEXTS = ["I love this so much!", "I hate this.", "I love you, I love you", "What is this?", "this is so so sad"] * 4
LABELS = ("love", "other")
TRUTH = np.array([["love" in text, "love" not in text] for text in TEXTS])


def test_the_head_on_words_gives_what_scikit_learn_gives():
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    head = fit_terms(TEXTS, TRUTH, LABELS)
    vectorizer = TfidfVectorizer(analyzer=split_terms, sublinear_tf=True, min_df=3).fit(TEXTS)
    model = LogisticRegression(C=3.0, solver="liblinear").fit(vectorizer.transform(TEXTS), TRUTH[:, 0])
    unseen = ["I love it, love it, love!", "so sad", "", "zebra", "WHAT is THIS?!"]
    assert np.allclose(head.logits(unseen)[:, 0], model.decision_function(vectorizer.transform(unseen)), atol=1e-5)
    assert head.logits([]).shape == (0, 2)


def test_a_sentence_is_split_alike_with_either_apostrophe_and_without_masked_names():
    assert split_terms("Don\u2019t, [NAME]!") == split_terms("don't !") == ["don't", "!", "don't !"]


def test_a_head_on_words_survives_its_file_and_nothing_is_unpickled(tmp_path):
    head = fit_terms(TEXTS, TRUTH, LABELS)
    head.save(tmp_path / "head.npz")
    again = TermHead.load(tmp_path / "head.npz")
    assert again.vocabulary == head.vocabulary
    assert np.allclose(again.logits(TEXTS), head.logits(TEXTS), atol=1e-2)
    (tmp_path / "cut.npz").write_bytes((tmp_path / "head.npz").read_bytes()[:200])
    np.savez(tmp_path / "pickle.npz", labels=np.array([{"a": 1}], dtype=object), vocabulary=np.array("a"))
    replace(head, vocabulary=head.vocabulary[:-1]).save(tmp_path / "short.npz")
    for name in ("cut", "pickle", "short", "none"):
        with pytest.raises(ModelError, match=r"classification head (cannot be loaded|is incomplete)"):
            TermHead.load(tmp_path / f"{name}.npz")


def test_a_feeling_counts_only_where_its_group_is_not_behind_neutral():
    heads = TextHeads.load()
    scores = np.zeros(28)
    scores[[heads.labels.index("gratitude"), heads.labels.index("anger")]] = 0.9, 0.8
    groups = dict.fromkeys(EKMAN, 0.1) | {"neutral": 0.5, "joy": 0.6}
    assert feelings_of(heads, scores, np.array(list(groups.values()))) == ("gratitude",)
    groups["neutral"] = 0.7
    assert feelings_of(heads, scores, np.array(list(groups.values()))) == ()


def test_the_shipped_heads_fit_together():
    heads = TextHeads.load()
    assert len(heads.labels) == len(heads.thresholds) == 28
    assert heads.terms.labels == heads.embedding.labels
    assert heads.groups.labels == tuple(EKMAN)
    assert heads.groups.weights.shape == (len(heads.embedding.labels) + 3, len(EKMAN))
    fine, groups = heads.scores(["Thanks!", ""], np.zeros((2, len(heads.embedding.mean)), np.float32))
    assert fine.shape == (2, 28)
    assert groups.shape == (2, 7)
    assert membership(heads.labels).sum() == 28


def test_the_card_says_how_calibrated_the_scores_are():
    from importlib.resources import files

    card = files("omnisense.perception.emotion").joinpath(f"{SHIPPED}.md").read_text("utf-8")
    errors = [float(error) for error in re.findall(r"calibration error: (0\.\d+)", card)]
    assert len(errors) == 3
    assert max(errors) < 0.1
    assert all(name in card for name in (SHIPPED, SHIPPED_TERMS, SHIPPED_GROUPS))


def test_lines_of_casino_have_the_emotion_of_their_emoticon(tmp_path, capsys):
    said = [
        "Hi there \U0001f642",
        "Oh no \u2639\ufe0f \U0001f642",
        "I need two waters.",
        "Hope you rest well.",
        "Submit-Deal \U0001f642",
    ]
    dialogue = {
        "dialogue_id": 7,
        "chat_logs": [{"text": text} for text in said],
        "annotations": [["I need two waters.", "self-need"], ["Hope you rest well.", "showing-empathy"]],
    }
    with gzip.open(tmp_path / "casino_train.json.gz", "wt", encoding="utf-8") as file:
        json.dump([dialogue], file)
    lines = read_casino(tmp_path)
    assert lines.sentences == ["Hi there", "I need two waters."]
    assert lines.emotions.tolist() == ["joy", "neutral"]
    assert lines.dialogues.tolist() == [7, 7]
    assert main(["text", str(tmp_path)]) == 2  # it needs both sets
    assert main(["text", str(tmp_path), str(tmp_path), str(tmp_path / "out")]) == 2
    assert "data set's folder" in capsys.readouterr().err
