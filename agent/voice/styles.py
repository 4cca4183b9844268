"""How the support strategy of a reply sounds: pace and pitch.

Listeners hear slow, low speech as calm and consoling, and quick, high speech as joyful (Juslin and Laukka, 2003, on
vocal expression). The steps are small, so that the voice remains the same person: a difference of about 5% in pace
and one semitone in pitch is just noticed in running speech. hibari-tts rounds the lengths of sounds: on three texts its
1.1 came out 2 to 4% quicker than its usual pace, 1.2 6 to 10%, 1.25 11%, 0.9 3 to 7% slower, and 0.85 9 to 14%.
"""

from __future__ import annotations

from omnisense.agent.voice.base import PLAIN, VoiceStyle
from omnisense.reasoning.loop.appraisal import SafetyFinding, Strategy

# By the support strategy, where it says more than the tone does.
_BY_STRATEGY = {
    "share the joy": VoiceStyle(pace=1.25, pitch_st=1.5),
    "reassure": VoiceStyle(pace=0.85, pitch_st=-1.5),
    "give space": VoiceStyle(pace=0.88, pitch_st=-1.0),
    "encourage": VoiceStyle(pace=1.2, pitch_st=0.7),
}
# By the tone that the reply shows (``StrategySet.tones``).
_BY_TONE = {
    "calm reassurance": VoiceStyle(pace=0.85, pitch_st=-1.5),
    "gentle concern": VoiceStyle(pace=0.88, pitch_st=-1.0),
    "calm understanding": VoiceStyle(pace=0.88, pitch_st=-1.0),
    "warm gladness": VoiceStyle(pace=1.22, pitch_st=1.2),
    "curious warmth": VoiceStyle(pace=1.2, pitch_st=0.7),
    "friendly interest": PLAIN,
    "quiet openness": VoiceStyle(pace=0.95, pitch_st=-0.5),
}
_CRISIS = VoiceStyle(pace=0.85, pitch_st=-1.5)


def style_of(strategy: Strategy, safety: SafetyFinding | None = None) -> VoiceStyle:
    """Return how a reply is spoken: by its strategy, else by its tone; calmly where the safety gate answers.

    Strategies and tones of a builder's own set that are not listed here are spoken plainly.
    """
    if safety is not None and safety.category and not safety.doubtful:
        return _CRISIS
    return _BY_STRATEGY.get(strategy.value) or _BY_TONE.get(strategy.tone) or PLAIN
