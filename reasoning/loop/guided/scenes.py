"""What a clip shows and lets hear, in sentences to the person; and answers to questions about it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Transcript, VisualStream
from omnisense.reasoning.loop.appraisal import Emotion
from omnisense.reasoning.loop.paraphrase import content_words

_COUNTS = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_ADJECTIVES: Mapping[str, str] = {
    "sadness": "sad",
    "joy": "happy",
    "anger": "angry",
    "fear": "afraid",
    "disgust": "put off",
    "surprise": "surprised",
    "neutral": "calm",
}
_CLEAR = 0.5  # probability from which a look or a tone is named without "perhaps"
_MOVING = 0.01
_TRUSTED_WORDS = 0.6  # mean confidence of the recognizer; of a language that it does not know it is mostly less
_AS_SURE = 0.15
_UNCLEAR = "I hear speech, but I cannot make out the words; it may not be English, and I understand nothing else."
_ABOUT_PEOPLE = re.compile(r"\b(how many|who|any ?one|any ?body|some ?one|some ?body|people|persons?|alone)\b", re.I)
_ABOUT_WORDS = re.compile(r"\b(say|said|saying|words?|talking about|talk about|mean|sentence|told|tell)\b", re.I)
_ABOUT_LOOKS = re.compile(
    r"\b(look|looks|looked|looking|face|smil\w+|expression|cry\w*|frown\w*|feel\w*|seem\w*|mood|okay|ok|happy|sad|angry|upset"
    r"|afraid|tired|emotion\w*)\b",
    re.I,
)
_ABOUT_SOUND = re.compile(r"\b(sound|sounds|sounded|voice|tone|hear)\b", re.I)


@dataclass(frozen=True)
class Scene:
    """What was perceived, in sentences; empty where there is nothing to say.

    Attributes:
        people: who is seen and heard.
        looks: what the main face shows over time.
        voice: how the voice sounds.
        words: what is said.
        quote: the most of it that is said, in one short excerpt.
        rest: movement, or a still picture.
        speakers: how many people speak.
        faces: how many faces are seen.
        is_image: whether it is a picture.
        language: of the speech; empty where nobody speaks.
    """

    people: str
    looks: str
    voice: str
    words: str
    quote: str
    rest: str
    speakers: int
    faces: int
    is_image: bool
    language: str


def describe(percepts: Percepts, emotion: Emotion, whose: str, is_image: bool) -> Scene:
    """Describe a clip.

    Args:
        percepts: what was perceived.
        emotion: as appraised, with what the face showed.
        whose: of whom to speak: ``you``, ``your brother``, ``the person``.
        is_image: whether the clip is a picture.
    """
    visual = percepts.visual if isinstance(percepts.visual, VisualStream) else None
    audio = percepts.audio if isinstance(percepts.audio, AudioStream) else None
    said = percepts.transcript if isinstance(percepts.transcript, Transcript) else None
    faces = len(visual.faces) if visual else 0
    voices = len({turn.speaker for turn in audio.speaker_turns}) if audio else 0
    speakers = voices or int(bool(audio and audio.speech))
    several = faces > 1 or speakers > 1
    subject = "one of them" if several and whose == "you" else whose
    text = _clear_words(said) if said else ""
    return Scene(
        people=_people(visual is not None, audio is not None, faces, speakers, is_image),
        looks=_looks(emotion, "the most prominent face" if faces > 1 and whose == "you" else whose) if faces else "",
        voice=_voice(emotion, subject),
        words=f'I hear: "{_most_telling(text, 24)}"' if text else _UNCLEAR if said and said.segments else "",
        quote=_most_telling(text, 12) if text else "",
        rest=_rest(visual, is_image),
        speakers=speakers if (said and said.segments) or (audio and audio.speech) else 0,
        faces=faces,
        is_image=is_image,
        language=said.language if said and text else "",
    )


def answer(question: str, scene: Scene) -> tuple[str, str]:
    """Return an answer to a question about the clip, and what it was taken to be about."""
    asked = [
        (name, sentence)
        for name, pattern, sentence in (
            ("people", _ABOUT_PEOPLE, scene.people),
            ("words", _ABOUT_WORDS, scene.words or "I hear no words in it."),
            ("voice", _ABOUT_SOUND, scene.voice or "The voice does not tell me enough to say."),
            ("looks", _ABOUT_LOOKS, scene.looks or "I see no face in it to read."),
        )
        if pattern.search(question)
    ]
    if not asked:
        parts = [scene.people, scene.looks, scene.words, scene.rest if not scene.faces else ""]
        return " ".join(part for part in parts if part), "everything"
    if len(asked) > 1 and asked[0][0] == "people" and not re.search(r"how many|any ?(one|body)", question, re.I):
        asked = asked[1:]  # "who looks sad" asks about the looks
    name, sentence = asked[0]
    return sentence, name


def _people(sees: bool, hears: bool, faces: int, speakers: int, is_image: bool) -> str:
    seen = f"I see {_count(faces, 'face')}" if sees else ""
    if not hears or is_image:
        return f"{seen or 'I could not see or hear anybody'}{' in the picture' if is_image and sees else ''}."
    heard = "nobody speaks" if not speakers else f"I hear {_count(speakers, 'person', 'people')} speaking"
    return f"{seen}, and {heard}." if seen else f"{heard[0].upper()}{heard[1:]}."


def _looks(emotion: Emotion, whose: str) -> str:
    face = emotion.face_emotion
    if face is None:
        return f"I cannot read {'your' if whose == 'you' else 'the'} face well enough to say what it shows."
    verb, was = ("look", "looked") if whose == "you" else ("looks", "looked")
    now = _ADJECTIVES.get(face, face)
    before = dict.fromkeys(
        _ADJECTIVES.get(p.value, p.value) for p in emotion.earlier if p.value not in (face, "neutral")
    )
    subject = whose[0].upper() + whose[1:]
    if before:
        return f"At first {whose} {was} {' and then '.join(before)}, and later {now}."
    shown = next((c.probabilities.get(face, 0.0) for c in emotion.channels if c.name == "face"), 0.0)
    return f"{subject} {verb} {now}." if shown >= _CLEAR else f"{subject} {verb} perhaps a little {now}."


def _voice(emotion: Emotion, whose: str) -> str:
    tone = next((c for c in emotion.channels if c.name == "tone"), None)
    if tone is None:
        return ""
    if tone.top == "neutral":
        return "Your voice sounds calm to me." if whose == "you" else "The voice sounds calm to me."
    clear = tone.probabilities[tone.top] >= _CLEAR
    subject = "Your voice" if whose == "you" else "The voice"
    named = _ADJECTIVES.get(tone.top, tone.top)
    return f"{subject} sounds {named} to me." if clear else f"{subject} sounds a little {named}, though I am not sure."


def _clear_words(said: Transcript) -> str:
    """Return the words of which the recognizer was about as sure as of any; empty where that is too little to quote."""
    sure = [segment.confidence for segment in said.segments if segment.confidence is not None]
    if sure and sum(sure) / len(sure) < _TRUSTED_WORDS:
        return ""
    least = max(sure, default=0.0) - _AS_SURE
    kept = (s.text for s in said.segments if s.confidence is None or s.confidence >= least)
    return " ".join(kept).strip()


def _rest(visual: VisualStream | None, is_image: bool) -> str:
    if visual is None:
        return ""
    if is_image:
        return "I can only make out faces in a picture, so I do not know what else is in it."
    moving = max(visual.motion, default=0.0) > _MOVING
    return "Something is moving in it." if moving else "Hardly anything moves in it."


def _count(number: int, noun: str, plural: str = "") -> str:
    counted = _COUNTS[number] if number < len(_COUNTS) else str(number)
    return f"{counted} {noun if number == 1 else plural or noun + 's'}"


def _most_telling(text: str, words: int) -> str:
    """Return so many words of a text, from where a sentence begins and most of them carry a topic."""
    parts = text.split()
    starts = [0, *(i + 1 for i, part in enumerate(parts[:-1]) if part[-1] in ".!?")]
    start = max(starts, key=lambda i: (len(content_words(" ".join(parts[i : i + words]))), -i))
    quoted = " ".join(parts[start : start + words])
    return f"{quoted} ..." if start + words < len(parts) else quoted
