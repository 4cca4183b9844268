"""The mood of a meeting by person, without keeping anything of it: python examples/meeting_mood.py [RECORDING]

Only sums leave this program: no words, no faces, no times. Tell people before that they are recorded, and what for.
"""

import sys
from collections import Counter
from pathlib import Path

from omnisense import Perception

recording = sys.argv[1] if len(sys.argv) > 1 else Path(__file__).parents[1] / "agent" / "demo.mp4"
percepts = Perception(cache=False).perceive(recording)  # nothing is stored
for name, reason in percepts.missing().items():
    print(f"no {name}: {reason}")

audio, transcript = percepts.audio, percepts.transcript
for person in percepts.people:
    tones = Counter()
    for utterance in getattr(audio, "utterances", ()):
        if utterance.speaker == person.speaker and utterance.emotion:
            tone, score = max(zip(audio.emotion_labels, utterance.emotion, strict=True), key=lambda pair: pair[1])
            tones[tone if score >= 0.6 else "unclear"] += utterance.end_s - utterance.start_s
    feelings = Counter(
        feeling
        for segment in getattr(transcript, "segments", ())
        if segment.speaker == person.speaker
        for feeling in segment.feelings
    )
    sums = ", ".join(f"{tone} {seconds:.0f} s" for tone, seconds in tones.most_common())
    words = dict(feelings) or "no feeling"
    print(f"{person.name}: speaks {person.speaking_s:.0f} s; sounds {sums or 'unknown'}; words of {words}")
