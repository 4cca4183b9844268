"""Replies and what they say, checked by hand; empty where a reply says nothing or can be read in two ways."""

import pytest

from omnisense.benchmarks.harness.scorer import canonical, score
from omnisense.reasoning.answers.parser import is_think_then_answer, parse
from omnisense.reasoning.answers.question import Question

FOUR = ("A. happy", "B. sad", "C. angry", "D. surprised")
FIVE = ("A. friends", "B. strangers", "C. colleagues", "D. a couple", "E. siblings")
NESTED = ("A. sad", "B. very sad", "C. happy", "D. unhappy")
PLAIN = ("A. Yes", "B. No")
SENTENCES = ("A. He waves at the camera.", "B. She hugs a friend, then leaves.", "C. They dance.", "D. Nobody moves.")

ONE = [
    (FOUR, "The non-verbal cues point to B.", "B"),
    # a letter, in every usual shape
    (FOUR, "B", "B"), (FOUR, "b", "B"), (FOUR, " B ", "B"), (FOUR, "B.", "B"), (FOUR, "B)", "B"), (FOUR, "(B)", "B"),
    (FOUR, "[B]", "B"), (FOUR, "{B}", "B"), (FOUR, "B:", "B"), (FOUR, "'B'", "B"), (FOUR, '"B"', "B"), (FOUR, "B?", "B"),
    (FOUR, "**B**", "B"), (FOUR, "`B`", "B"), (FOUR, "$B$", "B"), (FOUR, "<b>B</b>", "B"), (FOUR, "Ⓑ", "B"),
    (FOUR, "Ｂ", "B"), (FOUR, "（B）", "B"), (FOUR, "B。", "B"), (FOUR, "B、sad", "B"), (FOUR, "\\boxed{B}", "B"),
    (FOUR, "\\boxed{\\text{B}}", "B"), (FOUR, '{"answer": "B"}', "B"), (FOUR, '```json\n{"answer": "B"}\n```', "B"),
    (FOUR, "B<|im_end|>", "B"), (FOUR, "B</s>", "B"), (FIVE, "E", "E"), (FIVE, "e", "E"), (FIVE, "(e)", "E"),
    (FIVE, "E. siblings", "E"), (FOUR, "B B", "B"), (FOUR, "A", "A"), (FOUR, "a", "A"),
    # a letter with its text
    (FOUR, "B. sad", "B"), (FOUR, "B) sad", "B"), (FOUR, "(B) sad", "B"), (FOUR, "B: sad", "B"), (FOUR, "B - sad", "B"),
    (FOUR, "b. sad", "B"), (FOUR, "B.sad", "B"), (FOUR, "B.Sad", "B"), (FOUR, "B, sad", "B"), (FOUR, "B\nsad", "B"),
    (FOUR, "Option B", "B"), (FOUR, "option (b)", "B"), (FOUR, "Choice: A", "A"), (FOUR, "Option (C): angry", "C"),
    (FOUR, "A, because she smiles", "A"), (FOUR, "B, because A and C are wrong", "B"), (FOUR, "D; she gasps.", "D"),
    (FOUR, "B because his mouth turns down", "B"), (FOUR, "A. happy.", "A"),
    # a statement
    (FOUR, "The answer is B", "B"), (FOUR, "The answer is B.", "B"), (FOUR, "The answer is (b).", "B"),
    (FOUR, "the correct answer is option d", "D"), (FOUR, "Answer: B", "B"), (FOUR, "ANSWER: B", "B"),
    (FOUR, "Answer - C", "C"), (FOUR, "Answer = C", "C"), (FOUR, "**Answer:** C", "C"), (FOUR, "Answer: **C. angry**", "C"),
    (FOUR, "The correct option is: D. surprised", "D"), (FOUR, "I choose C.", "C"), (FOUR, "I'd go with D", "D"),
    (FOUR, "I would pick A.", "A"), (FOUR, "It's B.", "B"), (FOUR, "C is correct", "C"), (FOUR, "(C) is the best answer.", "C"),
    (FOUR, "B is the most likely answer, A is wrong.", "B"), (FOUR, "My answer is B)", "B"), (FOUR, "选B", "B"),
    (FOUR, "答案是B。", "B"), (FOUR, "答案：C", "C"), (FOUR, "The answer is a", "A"), (FOUR, "So the answer must be B.", "B"),
    (FOUR, "Therefore, the answer would be option C because of the frown.", "C"),
    (FOUR, "She frowns and looks down. The answer is B.", "B"), (FOUR, "It is B because of C", "B"),
    (FOUR, "The answer is A... Final answer: B", "B"), (FOUR, "Answer: A\nAnswer: A", "A"),
    (FOUR, "A. happy\nB. sad\nThe answer is B.", "B"), (FOUR, "answer is B, not C", "B"),
    (FOUR, "The answer is B and A is wrong", "B"), (FOUR, "Option A is wrong. Option B is right.", "B"),
    # the text alone, or one letter in prose
    (FOUR, "sad", "B"), (FOUR, "Sad.", "B"), (FOUR, "SAD", "B"), (FOUR, "I think she is sad", "B"),
    (FOUR, "The woman looks sad.", "B"), (FOUR, "A woman is sad", "B"), (FOUR, "A happy person", "A"),
    (FOUR, "the person looks happy, not sad", "A"), (FOUR, "not happy but sad", "B"), (FOUR, "It's not A, so B", "B"),
    (FOUR, "I believe B fits", "B"), (FOUR, "Between them, I lean to C here.", "C"), (NESTED, "very sad", "B"),
    (NESTED, "She is very sad.", "B"), (NESTED, "unhappy", "D"), (NESTED, "sad", "A"), (PLAIN, "Yes", "A"),
    (PLAIN, "No, he does not.", "B"), (SENTENCES, "She hugs a friend, then leaves.", "B"),
    (SENTENCES, "she hugs a friend then leaves", "B"), (SENTENCES, "I see that they dance.", "C"),
    # think and answer
    (FOUR, "<think>A or C?</think><answer>B</answer>", "B"), (FOUR, "<think>x</think>\n<answer>\nB. sad\n</answer>", "B"),
    (FOUR, "<answer>B", "B"), (FOUR, "<ANSWER>c</ANSWER>", "C"), (FOUR, "<think>x</think>B", "B"),
    (FOUR, "A looks wrong to me.</think>\n\nB", "B"), (FOUR, "<think>it never closes <answer>D</answer>", "D"),
    (FOUR, "<answer>B</answer> <answer>B</answer>", "B"), (FOUR, "<think><answer>A</answer></think><answer>B</answer>", "B"),
    (FOUR, "<answer>The person is sad.</answer>", "B"), (FOUR, "A <answer>B</answer>", "B"),
    # nothing can be read, or two things
    (FOUR, "", ""), (FOUR, "   \n", ""), (FOUR, ".", ""), (FOUR, "A man is smiling", ""), (FOUR, "A person walks in.", ""),
    (FOUR, "a man", ""), (FOUR, "Because", ""), (FOUR, "Bad", ""), (FOUR, "Definitely", ""), (FOUR, "Can't say", ""),
    (FOUR, "E", ""), (FOUR, "F. happy", ""), (FOUR, "A and B", ""), (FOUR, "A or B", ""), (FOUR, "A, B", ""), (FOUR, "AB", ""),
    (FOUR, "ABCD", ""), (FOUR, "A B C D", ""), (FOUR, "A. happy\nB. sad\nC. angry\nD. surprised", ""),
    (FOUR, "A. happy B. sad C. angry D. surprised", ""), (FOUR, "(A) (B)", ""), (FOUR, "B. happy", ""),
    (FOUR, "The answer is A. No, the answer is B.", ""), (FOUR, "The answer is A man who smiles", ""),
    (FOUR, "Option B or C", ""), (FOUR, "torn between B and C", ""), (FOUR, "angry and sad", ""), (FOUR, "unhappy", ""),
    (FOUR, "neither A nor B", ""), (FOUR, "Definitely not B.", ""), (FOUR, "I cannot answer", ""), (FOUR, "happy/sad", ""),
    (FOUR, "None of the above", ""), (FOUR, "<answer></answer>", ""), (FOUR, "<answer> </answer>B", ""),
    (FOUR, "<answer>A</answer><answer>B</answer>", ""), (FOUR, "<answer>A, B</answer>", ""), (FOUR, "I'm not sure", ""),
    (FOUR, "<think>it is C", ""), (FOUR, "<think>B</think>", ""), (FOUR, "D. sad", ""), (FOUR, "10", ""), (FOUR, "not sad", ""),
]  # fmt: skip
COUPLE = ("A. the man", "B. the woman", "C. both of them", "D. neither of them")
COUNTS = ("A. 3", "B. 5", "C. 7", "D. 2")
DEEDS = ("A. She is waving goodbye", "B. She points at the door", "C. She claps her hands", "D. She hides her face")
ONE += [
    # what it meant
    (FOUR, "C... sorry, I meant D", "D"),
    (FOUR, "The answer is A. Oops, I meant B.", "B"),
    (FOUR, "I mean, B fits.", "B"),
    (FOUR, "The answer is D. If I meant A I would have said so.", "D"),
    # what is left open after all
    (FOUR, "Answer: A. She smiles. Final answer: C? Or A? I cannot settle it.", ""),
    # two lists
    (FOUR, "Correct: B\nIncorrect: A, C, D", "B"),
    (FOUR, "Incorrect: A, C, D\nCorrect: B", "B"),
    # an option that names two others
    (COUPLE, "Both the man and the woman are laughing.", "C"),
    (COUPLE, "Neither the man nor the woman speaks.", "D"),
    (COUPLE, "The man, not the woman.", "A"),
    (COUPLE, "Both options A and B are plausible.", ""),
    (COUPLE, "Both the man and the woman could be it.", ""),
    (("A. the man", "B. the woman", "C. the child", "D. both"), "Both the man and the child.", ""),
    # options that are numbers
    (COUNTS, "There are five people.", "B"),
    (COUNTS, "three", "A"),
    (COUNTS, "I see four people.", ""),
    (COUNTS, "There are five or seven people.", ""),
    (COUNTS, "At least five.", ""),
    # inflected, with a rival that is denied
    (DEEDS, "She is pointing at the door, not waving goodbye.", "B"),
    (DEEDS, "She's not waving goodbye; she is pointing at the door.", "B"),
    (DEEDS, "She isn't pointing at the door.", ""),
    (DEEDS, "She might be pointing at the door, not waving.", ""),
    # a verdict under another key
    (PLAIN, '{"smiling": "no"}', "B"),
    (FOUR, '{"smiling": "no", "emotion": "sad"}', "B"),
]

SEVERAL = [
    ("A, B... sorry, I meant A, D", "AD"), ("A, C. Wait, no, C is wrong.", ""), ("Incorrect: A, B", ""),
    ("Correct: A, C / Incorrect: B, D", "AC"), ("Wrong: A. Right: B, C.", "BC"),
    ("AC", "AC"), ("ac", "AC"), ("A, C", "AC"), ("A,C", "AC"), ("a,c", "AC"), ("A and C", "AC"), ("A & C", "AC"), ("A/C", "AC"),
    ("A; C", "AC"), ("A C", "AC"), ("C, A", "AC"), ("(A), (C)", "AC"), ("[A, C]", "AC"), ("A. C.", "AC"), ("**A, C**", "AC"),
    ("A. happy\nC. angry", "AC"), ("A. happy, C. angry", "AC"), ("- A. happy\n- C. angry", "AC"), ("Both A and C", "AC"),
    ("Options A and D are correct", "AD"), ("The correct answers are A, B, and D.", "ABD"), ("The answers: A C", "AC"),
    ("Answer: A, C", "AC"), ("A, C because B is wrong", "AC"), ("Only B", "B"), ("B", "B"), ("happy", "A"),
    ("happy and angry", "AC"), ("She is happy, then angry.", "AC"), ('["A", "C"]', "AC"), ('{"answer": ["A", "C"]}', "AC"),
    ("<think>B is out</think><answer>A, C</answer>", "AC"), ("all of the above", "ABCD"), ("A, B, C, D", "ABCD"), ("AC AC", ""),
    ("A, E", ""), ("", ""), ("None", ""), ("A man", ""), ("nothing fits", ""), ("<answer>A</answer><answer>B</answer>", ""),
]  # fmt: skip
NUMBER = [
    ("Answer: one in the back", "1"), ("I see 3 people: one at the door", "3"),
    ("3", "3"), ("3.", "3"), ("03", "3"), ("3.0", "3"), ("３", "3"), ("(3)", "3"), ("**3**", "3"), ("three", "3"), ("Three.", "3"),
    ("zero", "0"), ("0", "0"), ("10", "10"), ("ten", "10"), ("12", "12"), ("There are 3 people.", "3"), ("3 people", "3"),
    ("three (3)", "3"), ("Answer: 4", "4"), ("The number of people is five.", "5"), ("I see 4 people. 4.", "4"), ("3个人", "3"),
    ("There are no people", "0"), ("none", "0"), ("no one", "0"), ("1 in red and 2 in blue, so the total is 3", "3"),
    ("<think>2 or 3</think><answer>3</answer>", "3"), ("\\boxed{7}", "7"), ('{"answer": 6}', "6"), ("one", "1"),
    ("2 or 3", ""), ("1, 2, 3", ""), ("2.5", "2.5"), ("-3", "-3"), ("twenty-one", "21"), ("one of them", ""), ("1st", ""), ("A", ""),
    ("", ""), ("many", ""), ("<answer>2</answer><answer>3</answer>", ""), ("3/4", ""),
]  # fmt: skip
NUMBER += [
    ("Drei Personen.", "3"),
    ("Il y a quatre personnes.", "4"),
    ("Hay siete personas.", "7"),
    ("L'homme de dos", ""),
    ("Zwei bis drei Personen", ""),
    ("Zwei Frauen und ein Mann.", ""),
    ("A man and two women.", ""),
    ("二十个人", "20"),
    ("答案是五", "5"),
    ("三四个人", ""),
    ("三到五个人", ""),
    ("第三个人", ""),
    ("至少三个人", ""),
    ("I count 8 people... no, one is a reflection. So 7.", "7"),
    ("Four... no, I cannot tell.", ""),
]

YES_NO = [
    ('{"is_smiling": "yes"}', "yes"), ('{"reason": "she nods yes", "smiling": "no"}', "no"), ('{"a": "yes", "b": "no"}', ""),
    ('{"confident": "yes", "note": "I cannot see it"}', ""),
    ("Yes", "yes"), ("yes.", "yes"), ("YES", "yes"), ("No", "no"), ("no.", "no"), ("Yes, he is", "yes"), ("No, she isn't", "no"),
    ("The answer is yes", "yes"), ("Answer: No", "no"), ("**No**", "no"), ("Yes, there is no smile", "yes"), ("nope", "no"),
    ("No doubt, yes", "yes"), ("true", "yes"), ("False", "no"), ("是", "yes"), ("是的", "yes"), ("不是", "no"), ("否", "no"),
    ("The person is not lying: No", "no"), ("No, yes is wrong", "no"), ("<think>yes or no</think><answer>No</answer>", "no"),
    ("yes and no", ""), ("Yes. No.", ""), ("yes or no", ""), ("No one is lying", ""), ("He lies", ""), ("", ""), ("Maybe", ""),
]  # fmt: skip


def test_there_are_enough_replies():
    assert len(ONE) + len(SEVERAL) + len(NUMBER) + len(YES_NO) >= 200


@pytest.mark.parametrize(("options", "reply", "value"), ONE)
def test_one_answer(options, reply, value):
    assert parse(reply, "one", options).value == value


@pytest.mark.parametrize(("reply", "value"), SEVERAL)
def test_several_answers(reply, value):
    assert parse(reply, "several", FOUR).value == value


@pytest.mark.parametrize(
    ("reply", "value"),
    [
        ("高兴和惊讶", "AD"),
        ("1. 高兴 2. 惊讶", "AD"),
        ("正确的选项有高兴和惊讶。", "AD"),
        ("高兴或惊讶", ""),
        ("不仅高兴，还很惊讶。", "AD"),
        ("没有高兴，只有惊讶。", "D"),
        ("不是高兴，而是难过和愤怒", "BC"),
        ("既不高兴也不惊讶", ""),
        ("高兴和惊讶都不对", ""),
        ("没错，高兴和惊讶。", "AD"),
    ],
)
def test_several_answers_in_chinese(reply, value):
    assert parse(reply, "several", ("A. 高兴", "B. 难过", "C. 愤怒", "D. 惊讶")).value == value


@pytest.mark.parametrize(("reply", "value"), NUMBER)
def test_numbers(reply, value):
    assert parse(reply, "number").value == value


@pytest.mark.parametrize(("reply", "value"), YES_NO)
def test_yes_and_no(reply, value):
    assert parse(reply, "yes_no").value == value


def test_what_could_not_be_read_says_why():
    assert parse("", "one", FOUR).how == "the reply is empty"
    assert parse("<think>hm", "one", FOUR).how == "the thinking never ends"
    assert "several letters" in parse("A, B", "one", FOUR).how
    assert "not among the options" in parse("E", "one", FOUR).how
    assert parse("<think>she weeps</think><answer>B</answer>", "one", FOUR).thinking == "she weeps"


def test_scores():
    one, several = Question("?", "one", FOUR), Question("?", "several", FOUR)
    assert score("B", one, "B").value == 1
    assert score("C", one, "B") == (0, parse("C", "one", FOUR), "C, and B is right")
    assert [score(reply, several, "AC").value for reply in ("AC", "A", "C", "AB", "ABCD", "", "B")] == [
        1,
        0.5,
        0.5,
        0,
        0,
        0,
        0,
    ]
    assert score("ten", Question("?", "number"), "10").value == 1
    assert score("10", Question("?", "number"), "1").value == 0
    assert score("A man", one, "A").reason.startswith("unparseable")


def test_gold_answers_in_their_usual_forms():
    one, several = Question("?", "one", FOUR), Question("?", "several", FOUR)
    assert [canonical(g, one) for g in ("B", "b", "B. sad", "sad", "E", "")] == ["B", "B", "B", "B", "", ""]
    assert [canonical(g, several) for g in ("AC", "A, C", "C,A")] == ["AC"] * 3
    assert [canonical(g, Question("?", "number")) for g in ("3", "10", "11", "x")] == ["3", "10", "11", ""]
    assert canonical("Yes", Question("?", "yes_no")) == "yes"


def test_any_text_is_read_without_raising_and_nothing_pays_twice():
    import random

    rng = random.Random(7)
    pieces = ["A", "b", "C.", "(D)", " ", "\n", "<answer>", "</answer>", "<think>", "</think>", "answer is ", "not ", "and ",
              "12", "three", "yes", "no", "{", "\\boxed{", "}", "é", "选", "\x00", "I'd go with ", "-", "/", "sad", "[", "]"]  # fmt: skip
    for _ in range(5000):
        reply = "".join(rng.choice(pieces) for _ in range(rng.randint(0, 9)))
        for kind, options in (("one", FOUR), ("several", FOUR), ("number", ()), ("yes_no", ())):
            answer = parse(reply, kind, options)
            assert answer.how
            assert kind != "one" or answer.value in ("", "A", "B", "C", "D")


def test_think_then_answer():
    assert is_think_then_answer("<think>a</think>\n<answer>B</answer>\n")
    for reply in ("<answer>B</answer>", "<think>a</think>B", "x<think>a</think><answer>B</answer>", "",
                  "<think>a</think><answer>B</answer><answer>C</answer>", "<think><think>a</think><answer>B</answer>"):  # fmt: skip
        assert not is_think_then_answer(reply)
