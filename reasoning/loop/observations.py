"""What the percepts show of people and scene, in words: facts that no policy is asked about."""

from __future__ import annotations

from collections.abc import Sequence

from omnisense.perception.fusion.timeline import face_name
from omnisense.perception.percepts import Percepts
from omnisense.perception.types import AudioStream, Event, VisualStream
from omnisense.reasoning.loop.appraisal import ContextName, Emotion, EmotionValue
from omnisense.reasoning.loop.emotion import main_face, quote_of
from omnisense.reasoning.loop.paraphrase import paraphrase


def describe_people(percepts: Percepts | None, events: Sequence[Event]) -> tuple[list[str], set[str]]:
    """Return facts about who is seen and heard, and the ids of the events that they rest on."""
    if percepts is None:
        return [], set()
    facts: list[str] = []
    cited = {event.id for event in events if event.channel == "person"}
    if isinstance(percepts.visual, VisualStream):
        facts.append(_describe_faces(percepts.visual))
        cited |= {event.id for event in events if event.channel in ("face", "scene")}
    if isinstance(percepts.audio, AudioStream):
        facts.append(_describe_voices(percepts.audio))
        cited |= {event.id for event in events if event.channel in ("speech", "voice")}
    return facts, cited


def _describe_faces(visual: VisualStream) -> str:
    faces, main = visual.faces, main_face(visual)
    if main is None:
        return "no face is visible"
    if len(faces) == 1:
        return f"one person, {face_name(main, faces)}"
    return f"{len(faces)} faces in the clip, foremost {face_name(main, faces)}"


def _describe_voices(audio: AudioStream) -> str:
    if not audio.speech:
        return "nobody speaks"
    pitch = f", voice around {audio.baseline.f0_hz:.0f} Hz" if audio.baseline.f0_hz else ""
    spoken_s = sum(span.duration_s for span in audio.speech)
    voices = {turn.speaker for turn in audio.speaker_turns}
    who = f"{len(voices)} people speak" if len(voices) > 1 else "somebody speaks"
    return f"{who} for {spoken_s:.1f} s{pitch}"


def seen_emotions(percepts: Percepts | None, felt: Emotion) -> set[EmotionValue] | None:
    """Return what the face shows and showed; None where no face was seen."""
    if percepts is None or not isinstance(percepts.visual, VisualStream) or not percepts.visual.faces:
        return None
    return ({felt.face_emotion} if felt.face_emotion else set()) | {phase.value for phase in felt.earlier}


def possible_contexts(percepts: Percepts | None, events: Sequence[Event], typed: str) -> list[ContextName]:
    """Return the kinds of situation that the percepts allow: the policy chooses among these only."""
    if percepts is None:
        return ["a written message"]
    faces = len(percepts.visual.faces) if isinstance(percepts.visual, VisualStream) else 0
    speech = [event for event in events if event.channel == "speech"]
    if not speech and not (isinstance(percepts.audio, AudioStream) and percepts.audio.speech):
        if not faces:
            return ["a scene without a visible face"]
        return ["a picture or clip sent with a message"] if typed else ["showing a feeling without words"]
    if faces == 1:
        speaks_of_self = bool(paraphrase(" ".join(quote_of(event) for event in speech)))
        return ["talking to the camera"] if speaks_of_self else ["talking to the camera", "reading something aloud"]
    voices = (
        {turn.speaker for turn in percepts.audio.speaker_turns} if isinstance(percepts.audio, AudioStream) else set()
    )
    if faces and len(voices) == 1:  # several faces are not several people who talk
        return ["talking to the camera", "talking together"]
    return ["talking together", "a meeting"] if faces else ["a voice recording"]
