"""The model of candidate answers, which doubts readings of rules that are often wrong."""

import json
from pathlib import Path

import pytest

from omnisense.reasoning.answers.candidate_model import believed, from_json, margin, probabilities
from omnisense.reasoning.answers.candidates import FEATURES, describe
from omnisense.reasoning.answers.fit_candidates import fit, load
from omnisense.reasoning.answers.normalize import Reading
from omnisense.reasoning.answers.parser import answer_text, parse, parse_by_rules

REPLIES = load(Path(__file__).with_name("replies.jsonl"))
FEELINGS = ("A. tired", "B. sad", "C. sick", "D. bored")
OPEN = (
    "A half-closed gaze and a slumped posture go with any of these: she might be tired, sad, sick or simply bored. "
    "I'm afraid the image doesn't let me narrow that down."
)


def test_a_reply_that_leaves_all_options_open_is_doubted():
    reading = believed(Reading("D", "the only option that it does not set aside"), OPEN, "one", FEELINGS)
    assert not reading.value
    assert "doubtful" in reading.how


@pytest.mark.parametrize(
    ("reading", "text", "options"),
    [
        (Reading("D", "a list of verdicts"), OPEN, FEELINGS),  # a rule that is hardly ever wrong
        (Reading("B", "the only letter named"), "B, or so I hear.", FEELINGS),  # a short reply
        (Reading("B", "the only letter named"), OPEN, ()),
        (Reading("", "no option is named"), OPEN, FEELINGS),
    ],
)
def test_other_readings_are_believed(reading, text, options):
    assert believed(reading, text, "one", options) is reading


def test_a_plain_statement_of_a_long_reply_is_believed():
    reply = (
        "The woman lowers her gaze, speaks slowly and wipes her eyes twice while the music plays. Nothing shows that "
        "she is tired or sick, and she listens closely, so she is not bored either. The answer is B."
    )
    assert parse(reply, "one", FEELINGS).value == "B"


def test_what_the_model_doubts_is_unread_and_never_read_otherwise():
    for r in REPLIES[::7]:
        by_rules, answer = parse_by_rules(r.reply, r.kind, r.options), parse(r.reply, r.kind, r.options)
        assert answer.value in ("", by_rules.value)
        assert answer == parse(r.reply, r.kind, r.options)


def test_candidates_are_described_alike_whatever_their_letters():
    text = "It's not happy, it's sad: she cries. So I choose sad."
    first = describe(text, "one", ("A. happy", "B. sad"))
    second = describe(text, "one", ("A. sad", "B. happy"))
    assert first.features == second.features[::-1]
    assert all(len(row) == len(FEATURES) for row in first.features)


def test_nothing_is_described_where_nothing_is_named():
    assert describe("Hm.", "one", FEELINGS).values == ()
    assert describe("", "one", FEELINGS).values == ()
    assert probabilities("...", "number", ()) == {}


def test_margins():
    assert margin("A", "one", {"A": 0.9, "B": 0.3}) == pytest.approx(0.6)
    assert margin("AC", "several", {"A": 0.9, "B": 0.2, "C": 0.7}) == pytest.approx(0.4)
    assert margin("7", "number", {}) == 1


def test_a_fit_finds_the_answers_of_its_replies_and_is_the_same_each_time():
    few = [r for r in REPLIES if r.kind == "one" and r.expected][:80]
    text = fit(few)
    model = from_json(text)
    found = [probabilities(answer_text(r.reply), r.kind, r.options, model) for r in few]
    right = [max(p, key=p.get) == r.expected for p, r in zip(found, few, strict=True) if p]
    assert sum(right) > 0.9 * len(right)
    assert fit(few) == text


def test_a_model_of_other_features_is_refused():
    with pytest.raises(ValueError, match="eye colour"):
        from_json(json.dumps({"base": 0, "features": ["eye colour"], "trees": []}))
