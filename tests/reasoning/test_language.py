"""Which language a text is in."""

import pytest

from omnisense.reasoning.language import NAMES, detect_language


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Meine Schwester hat gestern geheiratet.", "de"),
        ("Tengo mucho miedo de volar.", "es"),
        ("Je ne sais pas quoi faire.", "fr"),
        ("Mia sorella si è sposata ieri.", "it"),
        ("Eu estou com medo de voar.", "pt"),
        ("Ik weet niet wat ik moet doen.", "nl"),
        ("Nie wiem, co robić.", "pl"),
        ("Я не знаю, что делать.", "ru"),
        ("Я не знаю, що робити, мені її шкода.", "uk"),
        ("どうしたらいいかわかりません。", "ja"),
        ("我不知道该怎么办", "zh"),
        ("어떻게 해야 할지 모르겠어요", "ko"),
        ("لا أعرف ماذا أفعل", "ar"),
    ],
)
def test_languages_are_named(text, code):
    assert detect_language(text) == code
    assert code in NAMES


@pytest.mark.parametrize(
    "text", ["I don't know what to do.", "Oh no, my café burned down", "lol so naive", "we flew to la paz and el paso"]
)
def test_english_with_loans_is_english(text):
    assert detect_language(text) == "en"


@pytest.mark.parametrize("text", ["", "...", "\U0001f62d\U0001f62d", "12:30", "Zzz"])
def test_nothing_is_named_where_nothing_shows_it(text):
    assert detect_language(text) == ""
