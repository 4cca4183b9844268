"""The strict scorer against a careful reader, on replies in the styles of real models (``replies.jsonl``)."""

import re
import time
from pathlib import Path

import pytest

from omnisense.benchmarks.harness.scorer_agreement import HALVES, load_replies, main, measure
from omnisense.reasoning.answers.parser import PARSER_VERSION, parse

PATH = Path(__file__).with_name("replies.jsonl")
REPLIES = load_replies(PATH)
FOUR = ("A. happy", "B. sad", "C. angry", "D. surprised")
NONSENSE = ("A ", "(", "{", "[", "the answer is ", "option A ", "A is right ", "A. happy ", "<think>", "\\boxed{",
            "wait, ", "no, ", "1-", "选", "'", "A\n", "<|channel|>analysis<|message|>")  # fmt: skip


@pytest.mark.parametrize("half", HALVES)
def test_agrees_with_a_careful_reader(half):
    found = measure([labelled for labelled in REPLIES if labelled.half == half])
    assert found.total >= 200
    assert found.agreed >= 0.98 * found.total
    assert 200 * found.misread <= found.total


def test_the_halves_share_no_style_and_no_reply():
    halves = [[labelled for labelled in REPLIES if labelled.half == half] for half in HALVES]
    assert sum(map(len, halves)) == len(REPLIES) >= 400
    for of in (lambda r: r.style, lambda r: (r.reply, r.question)):
        assert not {of(r) for r in halves[0]} & {of(r) for r in halves[1]}


def test_boxes_and_open_replies_are_not_rewritten():
    assert parse("(100,200),(300,400)", "box", form="thousandths").value == "[[0.1, 0.2, 0.3, 0.4]]"
    assert parse("Option A is kind, isn't it?", "open").value == "Option A is kind, isn't it?"


@pytest.mark.parametrize("piece", NONSENSE)
def test_time_is_linear(piece):
    def seconds(length: int) -> float:
        text, best = (piece * length)[:length], float("inf")
        for _ in range(2):
            start = time.process_time()
            for kind in ("one", "several", "number", "yes_no"):
                parse(text, kind, FOUR)
            best = min(best, time.process_time() - start)
        return best

    assert seconds(24_000) < 20 * seconds(3_000) + 0.05  # eight times the text; 64 times the time if quadratic


def test_compiles_no_pattern_for_a_new_question(monkeypatch):
    """A pattern that holds an option's words would be compiled again for each question, which takes milliseconds."""
    replies = ("B", "B. {1}", "The answer is {1}.", "{0} or {1}? Wait, it's {1} (B).", "Not {0}, but {2} is right.",
               "{0}, {1}, {2}, {3}", "Both A and B: {0} and {1}.", "A - wrong\nB - right", "None.")  # fmt: skip

    def read(i: int) -> None:
        texts = (f"calm in scene {i}", f"she is tense {i}", f"{i} people", "Both A and B")
        options = tuple(f"{letter}. {text}" for letter, text in zip("ABCD", texts, strict=True))
        for kind in ("one", "several"):
            for reply in replies:
                parse(reply.format(*texts), kind, options)

    compiled = []
    compile_pattern = re._compiler.compile
    monkeypatch.setattr(re._compiler, "compile", lambda *a, **k: compiled.append(a) or compile_pattern(*a, **k))
    read(0)
    compiled.clear()
    for i in range(1, 30):
        read(i)
    assert not compiled


@pytest.mark.parametrize(
    ("options", "reply", "value"),
    [
        (("A. warm", "B. hot", "C. old"), "The room is cold.", ""),  # the end of a word is no option with its letter
        (FOUR, "The answer is (Bsad).", "B"),
        (("A. she is sad", "B. he is sad"), "I think she's  sad.", "A"),
        (("A. very sad", "B. sad"), "It is 'very sad' here", "A"),
        (("A. İstanbul", "B. Ankara"), "They must be in 'İSTANBUL' (A).", "A"),
        (("A. Both B and C", "B. joy", "C. fear", "D. awe"), "I say both B and C.", "A"),
    ],
)
def test_finds_the_words_of_an_option(options, reply, value):
    assert parse(reply, "one", options).value == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [("Person A is the one who lies.", "B"), ("A", "A"), ("Person C lies.", "C"), ("B. Person A", "B")],
)
def test_takes_a_name_with_a_letter_for_no_letter(reply, value):
    assert parse(reply, "one", ("A. Person B", "B. Person A", "C. Person C")).value == value


PUPIL = ("A. The teacher is disappointed because the boy lied", "B. The teacher is proud of the boy's courage",
         "C. The teacher is bored by the long story")  # fmt: skip


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("She's proud.", "B"),
        ("Proud. The boy did lie, but she isn't disappointed at all.", "B"),
        ("Her pride in his courage is obvious.", "B"),
        ("The teacher talks to the boy for a long time.", ""),
        ("The boy lied.", ""),
        ("She could be proud or disappointed; her face is not shown.", ""),
    ],
)
def test_reads_an_option_by_the_words_that_no_other_has(reply, value):
    assert parse(reply, "one", PUPIL).value == value


@pytest.mark.parametrize(
    ("kind", "reply", "value"),
    [
        ("one", "It would be A if he smiled, but he doesn't.", ""),
        ("one", "A — no, sorry, not A.", ""),
        ("one", "<answer>A</answer> or <answer>B</answer>", ""),
        ("one", "A kommt nicht in Frage.", ""),
        ("one", "Es bleiben B und C.", ""),
        ("one", "You sound sad. Want to talk about it?", ""),
        ("one", "I hope she is happy now.", ""),
        ("one", "My cat gets angry when I sing.", ""),
        ("one", "Happy new year!", ""),
        ("one", "It's sad that you ask me this.", ""),
        ("one", "The most common mistake is to call this sad.", ""),
        ("one", "The man is angry, the woman sad.", ""),
        ("one", "She might be sad.", "B"),
        ("one", "B. Sorry, C.", "C"),
        ("one", "What sounds sad is in fact happy.", "A"),
        ("one", "Some viewers will read her as happy, others as sad.", ""),
        ("one", "The annotators probably chose angry, but I disagree: she is sad.", "B"),
        ("one", "A. happy - plausible, she smiles.\nB. sad - plausible, she cries.\nIt could go either way.", ""),
        ("one", "Happy is true but too broad. What tips the balance is the gasp: surprised.", "D"),
        ("one", "Joy and grief both fit, and I won't single one of them out.", ""),
        ("one", "I'd prefer not to call her happy, sad or anything else.", ""),
        ("one", "Feelings like anger are complex.", ""),
        ("one", "Grief can last for years.", ""),
        ("one", "Let's go through the options one by one.\nA. happy: she does not smile.\nB.", ""),
        ("one", "The possible options are A, B", ""),
        ("one", "Pick B if she cries.", ""),
        ("one", "If she smiles: A. If she cries: B.", ""),
        ("one", "She could be happy about the news, angry at him, or simply surprised.", ""),
        ("one", "A frown can mean anger.", ""),
        ("one", "I was leaning towards C until I heard the sob. It has to be B.", "B"),
        ("one", "A or B? B.", "B"),
        ("one", "Joy, anger and surprise fit equally well. The only one I'd strike out is grief.", ""),
        ("one", 'A - the "hm, actually, no" at 0:06 is meant as a joke.', "A"),
        ("one", "I would reply with A.", "A"),
        ("one", "Initial answer: $\\boxed{C}$ The hug rules it out. Final answer: $\\boxed{B}$", "B"),
        ("one", "She could be happy, since she smiles, or surprised, since she gasps.", ""),
        ("one", "It's less anger than grief.", "B"),
        ("one", "A. happy - 70%\nB. sad - 10%\nC. angry - 5%\nD. surprised - 15%", "A"),
        ("one", "A -> B after a second look", "B"),
        ("one", "Happy? No, sad.", "B"),
        ("one", "I'd put sad at 80%, angry at 15% and happy at 5%.", "B"),
        ("one", "Let us consider each option:\nA. happy: she does smile. However,", ""),
        ("several", "So it would be happy or sad.", ""),
        ("several", "I pick A and B. Wait, C is there too.", ""),
        ("several", "I pick A, B and C. Hold on, B is wrong.", "AC"),
        ("several", "A, C and D can be excluded.", "B"),
        ("several", "A is right, and so is C.", "AC"),
        ("several", "A is wrong. The other two are right.", ""),  # three are left
        ("several", "It's A and B; D only happens later.", "AB"),
        ("several", "A yes, B no, C no, D yes", "AD"),
        ("several", "She grins, so A applies. She cries, so B applies as well.", "AB"),
        ("several", "A: she does not smile.\nB: she cries.\nC: she shouts.\nD: nothing, no sign of it.", "BC"),
        ("several", "selected:\n - A\n - B", "AB"),
        ("several", "I'll go through all of the options.", ""),
        ("several", "The options I would tick are A and D. B is what her mother claims.", "AD"),
        ("one", "B. sad. On reflection I revise my choice to C.", "C"),
        ("one", "B. sad. I take that back, I can't really say.", ""),
        ("one", "B. sad. I see no reason to change my answer.", "B"),
        ("one", "C. angry. Let me take another look. I'd amend that to sad.", "B"),
        ("one", "A. happy? B. sad? I can't commit to one.", ""),
        ("one", "My first guess was A. Could it be B? No. I stay with my first guess.", "A"),
        ("one", "Respuesta: B. Perdón, me equivoqué, así que es la A.", "A"),
        ("one", "Neither A nor C fits. As for sad or surprised: he gasps, hence the latter.", "D"),
        ("one", "La segunda opción.", "B"),
        ("several", "She grins (A) and weeps (B), but isn't angry (C) or surprised (D).", "AB"),
        ("several", "My first list was A, B and D. On rewatching, D has to go. Final: A, B.", "AB"),
        ("several", "I'd say A, D. No wait, the gasp is his. Just A.", "A"),
        ("several", "A, B (not C), and D", "ABD"),
        ("several", "A e D", "AD"),
        ("several", "Richtig sind A sowie C.", "AC"),
        ("several", "A og C", "AC"),
        ("several", "A and B. There is a gasp, so add D.", "ABD"),
        ("several", "A, B and C. She never shouts. So drop C: A and B.", "AB"),
        ("several", "A for sure. C could be argued for, but I leave it out.", "A"),
        ("several", "A and B. C is there for a moment.", ""),
        ("several", "A and B. C is not there.", "AB"),
        ("several", "A, D\n\nQ7. Which apply?\nA. bell B. wind C. birds D. waves\nAnswer: B, C", "AD"),
        ("one", "B. sad. Hmm, rather angry. No, that is his brother. Back to B.", "B"),
        ("several", "[x] A happy\n[ ] B sad\n[x] C angry\n[ ] D surprised", "AC"),
        ("several", "The options that do not apply are C and D, so A and B do.", "AB"),
        ("several", "She smiles (A); there is a sob (B), but it's not hers.", ""),
        ("yes_no", "Yes, he sounds sincere. But his eyes tell another story. Final answer: no", "no"),
        ("yes_no", "Não há dúvida de que sim.", "yes"),
        ("number", "I count three, four, or even more.", ""),
        ("number", "Three... or is it four?", ""),
        ("number", "Two. No, three. I checked twice.", "3"),
        ("yes_no", "Yes, of course I can help! Please share the clip.", ""),
        ("yes_no", "One could say no, since he frowns. In the end I lean towards yes.", "yes"),
        ("yes_no", "I won't give a yes or a no.", ""),
        ("yes_no", "It looked like a yes at first, but no.", "no"),
        ("yes_no", "More no than yes.", "no"),
        ("yes_no", "P(yes) = 0.12, P(no) = 0.88", "no"),
        ("yes_no", "[00:01] MAN: did you lock it\n[00:02] WOMAN: yes", ""),
        ("yes_no", "It's a yes or no question, and the answer is no.", "no"),
        ("number", "Five voices in total, but one of them is a machine. That leaves 4.", "4"),
        ("number", "3 of 4 people smile.", "3"),
        ("number", "I count four; some may count five with the mirror.", "4"),
        ("number", "7 claps in total: three before the speech and four after it.", "7"),
        ("number", "I count three men in front. Two women are behind.", ""),
        ("number", "2 + 3 people, for 5 minutes", ""),
        ("number", "Ten people enter, four leave, six remain.", ""),
        ("number", "Six people come in and two leave, so four stay.", "4"),
    ],
)
def test_credits_nothing_that_is_supposed_denied_or_left_open(kind, reply, value):
    assert parse(reply, kind, FOUR if kind in ("one", "several") else ()).value == value


def test_the_command_writes_the_table(tmp_path):
    main([str(PATH), "--output", str(tmp_path / "table.md")])
    text = (tmp_path / "table.md").read_text(encoding="utf-8")
    assert f"parser version {PARSER_VERSION}" in text
    assert "| refusal |" in text
