"""What was said, and who speaks."""

from __future__ import annotations

import difflib
import re
from collections import defaultdict

from omnisense.perception.fusion.people import describe_position
from omnisense.perception.speech.confidence import confidence_of
from omnisense.perception.types import AudioStream, Transcript, VisualStream
from omnisense.reasoning.answers.asked import Asked, Measurement, Observation, mean_scores, normalize, share_among
from omnisense.reasoning.answers.values import place_of, side
from omnisense.text import quote

_DIGITS = "zero one two three four five six seven eight nine".split()
_QUOTED = re.compile("[\"“'‘](.{2,}?)[\"”'’](?!\\w)")
_SAYS = re.compile(
    r"\b(?:say|says|said|saying|mention|mentions|utter|utters)\s+(?:the word |that )?(.+?)\s*[?.]?$", re.IGNORECASE
)
_SILENT = re.compile(
    r"\b(?:silent|quiet|listen(?:s|ing)?|does(?: not|n't) (?:speak|talk)|says nothing)\b", re.IGNORECASE
)
_SHARPNESS = 8  # of two similar options the more similar one should clearly win
_BOTH_SHARE = 0.2  # of the speech, from which the second speaker counts as speaking too


def measure_words(asked: Asked) -> Measurement | None:
    """Return which option the recognized words come nearest to."""
    transcript = asked.percepts.transcript
    if not isinstance(transcript, Transcript):
        return None
    segments = [s for s in transcript.segments if asked.concerns(s.speaker or "")]
    parts = asked.select(Observation(s.start_s, s.end_s, {}) for s in segments)
    spans = {(o.start_s, o.end_s) for o in parts}
    segments = [s for s in segments if (s.start_s, s.end_s) in spans]
    heard = " ".join(s.text for s in segments)
    words = _spell_digits(heard)
    trust = confidence_of(segments) * asked.relevance["words"]
    if not words:
        return None
    reason = f"heard: {quote(heard[:200])}" + ("" if trust >= 0.2 else ", perhaps misheard")
    evidence = asked.events(("speech",), parts)
    if asked.question.kind == "yes_no":
        named = _QUOTED.search(asked.question.text) or _SAYS.search(asked.question.text)
        if named is None:
            return None
        yes = 0.05 + 0.9 * _likeness(words, _spell_digits(named[1])) ** _SHARPNESS
        return Measurement("words", {"yes": yes, "no": 1 - yes}, round(trust, 3), reason, evidence)
    if not asked.question.options:
        return None
    alike = {letter: _likeness(words, _spell_digits(text)) for letter, text in asked.options()}
    best = max(alike.values())
    total = sum(v**_SHARPNESS for v in alike.values()) or 1.0
    shares = normalize({letter: value**_SHARPNESS / total for letter, value in alike.items()})
    # Words that an option repeats were not misheard, however unsure the recognizer is.
    trust = max(confidence_of(segments), best**2) * best**2 * asked.relevance["words"]
    return Measurement("words", shares, round(trust, 3), reason, evidence)


def _likeness(heard: str, option: str) -> float:
    """Return how near an option is to what was heard, or to a stretch of it as long as the option, 0 to 1."""
    if not option:
        return 0.0
    words, count = heard.split(), len(option.split())
    matcher = difflib.SequenceMatcher(None, autojunk=False)
    matcher.set_seq2(option)
    stretches = [heard] if len(words) <= 2 * count else [" ".join(words[i : i + count]) for i in range(len(words))]
    best = 0.0
    for stretch in stretches:
        matcher.set_seq1(stretch)
        if matcher.real_quick_ratio() > best and matcher.quick_ratio() > best:
            best = max(best, matcher.ratio())
    return best


def _spell_digits(text: str) -> str:
    """Return the words with digits spelled out: ``F2`` in a transcript may be ``f two`` in an option."""
    words = re.findall(r"[^\W\d_]+|\d", text.lower())
    return " ".join(_DIGITS[int(word)] if word.isdigit() else word for word in words)


def measure_speaker(asked: Asked) -> Measurement | None:
    """Return where the one who speaks is: a side of the picture, off screen, both, or nobody."""
    visual, audio = asked.percepts.visual, asked.percepts.audio
    if not isinstance(audio, AudioStream):
        return None
    if not audio.speech:
        return _place(asked, {"nobody": 0.95}, 0.9, "no voice is heard", ())
    if not isinstance(visual, VisualStream):
        return None
    sides = {face.id: side(describe_position(face, visual.faces).split()[-1]) for face in visual.faces}
    spoken = [p for p in asked.percepts.speaker_segments if p.off_screen or p.face in sides]
    seen = asked.select(
        Observation(
            p.start_s, p.end_s, {"off screen" if p.off_screen else sides[p.face or ""]: 1.0}, 0.2 + p.confidence
        )
        for p in spoken
    )
    if not seen:
        return None
    shares = mean_scores(seen)
    lengths: dict[str, float] = defaultdict(float)
    for o in seen:
        lengths[next(iter(o.scores))] += o.end_s - o.start_s
    reason = "mouths that move with the speech: " + ", ".join(f"{name} {s:.1f} s" for name, s in lengths.items())
    trust = sum(o.weight * 1.0 for o in seen) / sum((o.end_s - o.start_s + 0.1) * 1.2 for o in seen)
    evidence = asked.events(("speech", "voice"), seen)
    return _place(asked, _places(asked, shares, set(sides.values())), min(0.9, 0.4 + trust / 2), reason, evidence)


def _places(asked: Asked, shares: dict[str, float], visible: set[str]) -> dict[str, float]:
    """Return the probabilities of places from shares of the speech; of the silent ones where these are asked for."""
    if _SILENT.search(asked.question.text):
        silent = {name: 1.0 - shares.get(name, 0.0) for name in visible}
        return normalize(silent) if silent else {}
    ranked = sorted(shares.values(), reverse=True)
    both = 2 * ranked[1] if len(ranked) > 1 and ranked[1] >= _BOTH_SHARE and asked.channels.time == "none" else 0.02
    return {
        **{name: share * (1 - min(both, 0.9)) for name, share in shares.items()},
        "both": min(both, 0.9),
        "nobody": 0.01,
    }


def _place(
    asked: Asked, places: dict[str, float], trust: float, reason: str, evidence: tuple[str, ...]
) -> Measurement | None:
    question, relevance = asked.question, asked.relevance["speaker"]
    if question.kind == "yes_no" and not place_of(question.text):
        if not re.search(r"\b(?:any(?:body|one)|some(?:body|one))\b", question.text, re.IGNORECASE):
            return None
        yes = 0.05 if "nobody" in places and places["nobody"] > 0.5 else 0.95
        return Measurement("speaker", {"yes": yes, "no": 1 - yes}, round(trust * relevance, 3), reason, evidence)
    known = {**dict.fromkeys(("left", "right", "centre"), 0.0), **places}
    shares = share_among(asked, known, place_of)
    if shares is None:
        return None
    return Measurement("speaker", shares[0], round(trust * relevance * min(1.0, 2 * shares[1]), 3), reason, evidence)
