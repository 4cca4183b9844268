"""Sixty more turns for the measurement of live conversation, which nothing was set on: other sentences and hesitations,
other pitches and paces, and recordings that the first sixty (:mod:`omnisense.benchmarks.speed.live_turns`) do not use.

Real speech: three pieces of read speech, two utterances of a meeting, two long sentences of a licence that is read
aloud with the reader's own pauses, each clean and through a telephone with noise.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from omnisense.agent.voice.base import Voice, VoiceStyle
from omnisense.benchmarks.speed.live_turns import (
    ScriptedTurn,
    as_turn,
    by_telephone,
    call_utterances,
    grid_sentences,
    synthesized_turns,
    trim,
    with_pause,
)
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

_SPEAKERS = (VoiceStyle(0.95, -5.0), VoiceStyle(1.05, -1.0), VoiceStyle(0.9, 2.0), VoiceStyle(1.0, -3.0))
# Recording under ``speech``, where a turn in it begins and ends, its words, and whether the speaker pauses in it.
_READ = "speechbrain/VAD/valid.wav"
_REAL = (
    (_READ, 0.3, 2.85, "reincarnation and the converse of spirits", False),
    (_READ, 4.05, 6.0, "but I was a boy and she was a girl", False),
    (_READ, 8.1, 9.66, "since the commencement of the season", False),
    ("ami/dev00.flac", 2.1, 3.9, "okay well I think we're ready to begin", False),
    ("ami/dev00.flac", 18.45, 20.0, "yeah go for it mate", False),
    ("jfk/multilingual.mp3", 0.05, 22.95, "permission is hereby granted ... subject to the following conditions", True),
    ("jfk/multilingual.mp3", 23.05, 29.2, "the above copyright notice ... portions of the software", True),
)
_COMPLETE = (
    "I slept badly again.",
    "My neighbors are moving out next month.",
    "What time should I be there?",
    "I have been thinking about it all week.",
    "That is exactly what I was afraid of.",
    "She passed her exam with the best mark of all.",
    "I do not trust him anymore.",
    "Could you help me write a letter to her?",
    "The train was late, as always.",
    "We had such a good time together.",
    "After the argument I just went home.",
    "I would rather not talk about that.",
    "My hands were shaking when I opened it.",
    "It was the best day of my life.",
    "Nobody told me what it was for.",
    "When she called me back it was too late.",
    "He is the one I wrote to.",
    "I suppose it could have been worse.",
)
_HESITANT = (
    ("I bought bread, milk,", 0.8, "and a cake for my daughter."),
    ("She asked me", 1.0, "if I was happy with my life."),
    ("My mother's old", 0.9, "piano has to be sold."),
    ("I was thinking", 1.1, "that we could try something else."),
    ("On Monday morning", 0.9, "I missed the train again."),
    ("I told my friend", 1.0, "the whole story."),
    ("He gave me", 0.9, "a very strange look."),
    ("It started, um,", 1.3, "about two years ago."),
    ("I do not know if", 1.2, "I can forgive her."),
    ("We were on our way to", 1.0, "the airport when it happened."),
    ("The problem is", 1.4, "I never learned to swim."),
    ("So I said to him,", 0.9, "you cannot speak to me like that."),
    ("There were at least", 0.8, "two hundred people in the room."),
    ("Because of the weather,", 1.0, "we had to turn back."),
    ("I, uh,", 1.2, "I lost the ring that she gave me."),
    ("What I really wanted to say is", 1.1, "thank you for listening."),
    ("My doctor thinks that I should", 1.0, "work a little less."),
    ("And then, when I opened the door,", 1.0, "nobody was there."),
    ("She is a very", 0.9, "kind and patient person."),
    ("I went, no, I mean,", 1.1, "my sister went to Spain."),
    ("If you ask me,", 0.8, "he should apologize first."),
    ("They offered me a job in", 1.2, "a small town in the north."),
    ("I have never", 0.9, "told this to anybody before."),
    ("Well,", 1.1, "I think that I made a mistake."),
    ("My father, who", 1.0, "was a teacher, taught me that."),
    ("We could either stay or", 0.9, "leave before it gets dark."),
    ("Every time I hear that song, I", 1.2, "start to cry."),
    ("It is not the money, it is", 1.3, "the way she looked at me."),
)


def unseen_turns(data: Path, voice: Voice) -> list[ScriptedTurn]:
    """Return the sixty.

    Args:
        data: the folder with ``speech``.
        voice: speaks the synthesized ones.
    """
    turns = []
    for file, start_s, end_s, words, pauses in _REAL:
        samples = trim(open_clip(data / "speech" / file).audio()[_at(start_s) : _at(end_s)])
        turns.append(as_turn(f"{file}: {words}", "real, with his own pauses" if pauses else "real", samples))
    turns += [replace(turn, name=f"{turn.name}, by telephone", samples=by_telephone(turn.samples)) for turn in turns]
    return turns + synthesized_turns(voice, _SPEAKERS, _COMPLETE, _HESITANT)


def unseen_cut_turns(data: Path) -> list[ScriptedTurn]:
    """Return twelve turns of real speech with silence cut into them elsewhere than in the first twelve."""
    kind, found = "real, silence cut into it", []
    for number, (words, samples) in enumerate(grid_sentences(data)):
        pause_s, after = 0.8 + 0.1 * number, 3 + number % 2
        name = f"GRID: {words}, {pause_s:.1f} s after word {after}"
        found.append(as_turn(name, kind, with_pause(samples, words, after, pause_s)))
    cuts = {3: (5, 0.9), 4: (3, 1.1), 5: (4, 0.8), 6: (4, 1.2), 7: (8, 1.0)}  # of the call's utterances
    for number, (words, samples) in enumerate(call_utterances(data)):
        if number in cuts:
            after, pause_s = cuts[number]
            name = f"call: {words}, {pause_s} s after word {after}"
            found.append(as_turn(name, kind, trim(with_pause(trim(samples), words, after, pause_s))))
    return found


def _at(time_s: float) -> int:
    return round(time_s * SAMPLE_RATE_HZ)
