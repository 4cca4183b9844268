"""Which sentence of a message asks for something, by its form."""

import pytest

from omnisense.reasoning.loop.guided.asked import find_asked, sentences_of


@pytest.mark.parametrize(
    ("text", "kind", "asked"),
    [
        ("rent goes up to 900 in may, the other flat is 820 but far out. move or stay", "advice", "move or stay"),
        ("gran's cake is for 8 and we are 3. whats the new amounts", "help", "whats the new amounts"),
        ("three of us, the bill is 84 and only i had wine. who owes what", "help", "who owes what"),
        ("need a toast for my aunt's 70th. she keeps bees", "help", "need a toast for my aunt's 70th."),
        ("shopping list for 3 lunches for two. no eggs", "help", "shopping list for 3 lunches for two."),
        ("In Word, how do I turn one page only? The rest is fine.", "advice", "how do I turn one page only?"),
        ("Please, what is the difference between a crow and a rook? I mix them up.", "fact",
         "what is the difference between a crow and a rook?"),
        ("im so nervous, its on friday. can u give me two opening lines. i sell bread", "help",
         "can u give me two opening lines."),
        ("red sock in with the whites, all pink, what do i do", "advice", "what do i do"),
        ("He likes my posts but does not ring. do i say something or wait", "advice", "do i say something or wait"),
        ("Hi, my bus is at 6. What i can do for the morning please", "advice", "What i can do for the morning please"),
        ("exam tomorrow whats the difference between mass and weight", "fact",
         "whats the difference between mass and weight"),
        ("I should like to go. I feel I ought to ask my sons first. Ought I?", "advice", "Ought I?"),
        ("Is Malta part of Italy? My neighbour says so.", "fact", "Is Malta part of Italy?"),
    ],
)  # fmt: skip
def test_what_is_asked_is_found_with_or_without_a_question_mark(text, kind, asked):
    assert find_asked(text) == (asked, kind)


@pytest.mark.parametrize(
    "text",
    [
        "I hate the stairs. Can you believe it?",
        "He said 'can you help me' and I did.",
        'She asked "what do I do now?" and cried.',
        "It rains, doesn't it?",
        "I make a cake every Sunday and give it away.",
        "Why was I crying at the till?",
        "What a day. How nice of them.",
        "More or less. Sooner or later.",
        "So do I.",
        "I do not know who does that.",
        "What I wanted to say is that I miss him.",
        "Where he sleeps the floor is warm.",
    ],
)
def test_what_tells_asks_nothing(text):
    assert find_asked(text) is None


def test_sentences_end_before_a_small_letter_too_and_not_after_a_title():
    assert sentences_of("it was mr. Lee. he left.  ok") == ["it was mr. Lee.", "he left.", "ok"]
    assert sentences_of('She said "no. not now" twice. Then she sat.') == [
        'She said "no. not now" twice.',
        "Then she sat.",
    ]
