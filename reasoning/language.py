"""Which language a text is in, by its script and its commonest words.

Short chat messages are what is told apart here, so a language other than English is named only where words or letters
show it: an agent that answers plain English with "I only speak English" is worse than one that misses a language.
"""

from __future__ import annotations

import functools
import re
import unicodedata
from collections import Counter

from omnisense.perception.speech.languages import NAMES as NAMES

# The commonest words of each language, without those that look the same in English.
_WORDS = {
    "en": """the a an and is are was were i i'm you he she it it's we they my your his her our their this that what why
        how do don't did not no can can't will would to of in on at for with from have has had been be me him so but
        just like get got please thanks thank hello hi who when where there all out about if as by or up go""",
    "de": """ich bin ist nicht das der die und ein eine einen wir ihr sie mein meine mich mir dich dir habe hat war wie
        warum heute sehr auch noch aber doch mit für auf von zu im dem den es geht kann will wieder nur schon bitte
        danke hallo immer gerade bei gestern weil wenn keine kein du er vater mutter ganze alle woche tag jahr haus
        arbeit nichts jetzt morgen nacht ohne endlich seit diese dieser""",
    "es": """el la los las un una y es son está estoy estás que qué por para con no mi mis me te se lo muy pero como
        cómo yo tú él ella nosotros hoy cuando porque gracias hola tengo tiene hace más todo bien mal del al fue soy
        eres ha he siempre nunca quiero puedo donde ayer toda todos todas esta este semana día año casa trabajo nada
        porque está también ahora mañana noche desde hasta sin solo sobre mucho mucha""",
    "fr": """le la les un une des et est suis es sont que qui pour avec pas ne je tu il elle nous vous mon ma mes ton ta
        me te se très mais comme au aux du dans sur ce cette c'est j'ai n'est aujourd'hui merci bonjour depuis
        pourquoi quand tout bien plus fait ça oui hier m'a j'ai il l'a toute tous semaine jour année maison travail
        rien maintenant demain nuit sans enfin cette""",
    "it": """il lo la gli le un una e è sono sei che chi per con non mi ti si mio mia miei tuo oggi molto ma come perché
        ho hai ha abbiamo della del di da nel grazie ciao sto sta sempre mai anche più quando dove bene questo stai ieri
        riesco voglio posso va tutta tutti settimana giorno anno casa lavoro niente perché adesso domani notte senza""",
    "pt": """o os as um uma e é são estou está que por para com não meu minha meus me te se muito mas como eu você ele
        ela nós hoje quando porque obrigado obrigada olá tenho tem mais tudo bem do da dos das ao à foi sou sempre
        nunca quero posso saudades em no na meu ontem hoje toda todos semana dia ano casa trabalho nada agora amanhã
        noite sem esta este desde""",
    "nl": """ik ben is niet het de en een wij jij zij mijn me je heb heeft was hoe waarom vandaag heel ook nog maar met
        voor op van te dat dit er geen wel naar als omdat dank hallo altijd bij kan wil weer zo hij ze jullie""",
    "sv": """jag är inte det den och en ett vi du han hon min mitt mig dig har hade var hur varför idag mycket också men
        med för på av till som att när tack hej alltid kan vill igen så bara igår idag""",
    "pl": """ja jestem jest nie to ten ta i w na z do się mój moja mnie ci mam ma był była jak dlaczego dzisiaj dziś
        bardzo też ale dla od że kiedy dziękuję cześć zawsze mogę chcę znowu tylko już wczoraj mój""",
    "tr": """ben bir ve bu çok için ama ne nasıl neden bugün değil var yok benim sen o biz siz da de mi mı gibi daha
        teşekkürler merhaba her zaman kadar sonra ile şey dün bugün""",
}
_WORD_SETS = {code: frozenset(words.split()) for code, words in _WORDS.items()}
_SCRIPTS = {
    "CYRILLIC": "ru",
    "GREEK": "el",
    "ARABIC": "ar",
    "HEBREW": "he",
    "DEVANAGARI": "hi",
    "HIRAGANA": "ja",
    "KATAKANA": "ja",
    "HANGUL": "ko",
    "CJK": "zh",
    "THAI": "th",
}
_LETTERS = {"de": "äöüß", "es": "ñ¿¡áíóú", "fr": "çèêàœé", "pt": "ãõç", "pl": "ąęłśżźćńó", "tr": "ğışçöü", "sv": "åäö"}
# These occur in English too: as names, loans, slips, or as words of its own.
_SHARED = frozenset(
    "a al as da das de den die do du e el en er es i im in is la le me mi ma no o on os se si so son te to un sin"
    " solo tag".split()
)


def detect_language(text: str) -> str:
    """Return the ISO 639-1 code of the language that a text is in; empty where nothing shows it.

    Args:
        text: of any length; the first 2,000 characters count.
    """
    return _detect(text[:2000])


@functools.lru_cache(maxsize=32)  # a turn asks about the same two texts several times
def _detect(text: str) -> str:
    text = text.lower().replace("\u2019", "'")
    scripts = Counter(script for c in text if c.isalpha() and (script := _script_of(c)))
    if not scripts:
        return ""
    script, _ = scripts.most_common(1)[0]
    if script != "LATIN":
        return _of_script(script, scripts, text)
    words = re.findall(r"[^\W\d_]+(?:'[^\W\d_]+)?", text)
    english = sum(word in _WORD_SETS["en"] for word in words)
    scores = {code: _score(code, words) for code in _WORD_SETS if code != "en"}
    best = max(scores, key=scores.__getitem__)
    # With English words beside it, another language needs two words of its own, and to clearly beat English.
    needed = max(2.0, 1.5 * english) if english else 1.0
    if scores[best] >= needed and len(words) > 1:
        return best
    return "en" if english else ""


def _script_of(letter: str) -> str:
    return "LATIN" if letter.isascii() else unicodedata.name(letter, "").split(" ")[0]


def _score(code: str, words: list[str]) -> float:
    """Return how many words are among the commonest of a language or hold its letters; shared words count for less."""
    known, letters = _WORD_SETS[code], _LETTERS.get(code, "")
    return sum(
        (0.4 if word in _SHARED else 1.0)
        if word in known
        else 0.6 * (not word.isascii() and any(c in letters for c in word))
        for word in words
    )


def _of_script(script: str, scripts: Counter[str], text: str) -> str:
    if script == "CJK" and (scripts["HIRAGANA"] or scripts["KATAKANA"]):
        return "ja"
    if script == "CYRILLIC" and any(c in "іїєґ" for c in text):
        return "uk"
    return _SCRIPTS.get(script, "")
