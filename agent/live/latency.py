"""The latency of a turn, by the names that LiveKit uses and others have taken over."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class TurnLatency:
    """Seconds; None where a turn did not come so far, or was typed.

    Attributes:
        transcription_delay: from the end of speech to its final transcript.
        end_of_turn_delay: from the end of speech to the decision that the turn is over.
        llm_node_ttft: from the start of the answer to its first token.
        llm_node_ttfs: from the start of the answer to its first sentence, which has passed the checks.
        tts_node_ttfb: from a sentence to its first sound.
        playback_latency: from that sound, or the decision if it comes later, to handing it out.
        e2e_latency: from the end of speech to the first sound that was handed out.
        perception_delay: from the end of speech to percepts of the turn (ours).
        discarded: answers that were begun and thrown away because the person went on.
    """

    transcription_delay: float | None = None
    end_of_turn_delay: float | None = None
    llm_node_ttft: float | None = None
    llm_node_ttfs: float | None = None
    tts_node_ttfb: float | None = None
    playback_latency: float | None = None
    e2e_latency: float | None = None
    perception_delay: float | None = None
    discarded: int = 0
