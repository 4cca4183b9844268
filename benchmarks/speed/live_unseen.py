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

_SPEAKERS = (VoiceStyle(1.03, -3.5), VoiceStyle(0.92, 1.5), VoiceStyle(1.08, -5.5), VoiceStyle(0.97, 3.5))
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
    "My flight leaves in two hours.",
    "I burned the dinner again.",
    "Where did you put my glasses?",
    "She finally answered my letter.",
    "I am not sure that I can do this.",
    "Our team won the cup.",
    "You never asked me how I was.",
    "It rained the whole weekend.",
    "He apologized in front of everybody.",
    "Should I call her or wait until she calls me?",
    "The baby kept us awake all night.",
    "I wish you had been there.",
    "They are closing the school that I went to.",
    "I cried when I read it.",
    "What did I do wrong?",
    "My tooth has been hurting since Sunday.",
    "I am finally debt free.",
    "No one in my family knows about it.",
)
# Pauses in the middle of phrases, after fillers, and after clauses that may be the end.
_HESITANT = (
    ("I was about to", 0.9, "leave when the phone rang."),
    ("The nurse told me", 1.4, "to come back tomorrow."),
    ("My husband wants", 0.7, "to move to the country."),
    ("It feels as though", 2.1, "nothing will ever change."),
    ("Um, so,", 1.2, "I failed my driving test."),
    ("I borrowed the car from", 1.6, "my uncle."),
    ("We used to", 0.8, "talk for hours every night."),
    ("She has always been", 1.1, "my favorite person."),
    ("There is, uh,", 1.8, "a lump under my arm."),
    ("I asked for", 0.6, "a day off and he laughed."),
    ("My daughter is", 2.4, "starting school next week."),
    ("You know that I", 1.0, "have never been good with money."),
    ("The first time I saw", 1.3, "the ocean I was thirty."),
    ("I did everything that", 0.9, "they asked of me."),
    ("He is allergic to", 1.5, "peanuts, eggs and milk."),
    ("Whenever I talk to her,", 1.2, "I feel small."),
    ("The house was quiet", 0.9, "and all the lights were off."),
    ("I wanted to say no,", 1.7, "but I was too afraid."),
    ("Somebody at the office", 1.0, "has been reading my mail."),
    ("I have not slept since", 2.0, "we had that conversation."),
    ("They want me to, um,", 0.8, "speak at the wedding."),
    ("Half of my friends", 1.1, "are married already."),
    ("I got home late", 1.4, "because the bus broke down."),
    ("I really should have", 2.3, "listened to my mother."),
    ("Do you remember", 0.7, "the song that we danced to?"),
    ("My brother lost his job,", 1.0, "and now he lives with us."),
    ("I am trying not to", 1.3, "think about it too much."),
    ("For three years I, uh,", 1.9, "worked in a factory."),
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
