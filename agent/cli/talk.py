"""``omnisense talk``: a spoken conversation with the microphone and speaker of this machine, or with a file."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from omnisense.agent.cli.options import (
    FOLDER,
    PATH,
    VOICE,
    AgentOptions,
    PerceptionOptions,
    agent_options,
    load_speaker,
    make_console,
    must_open,
    perception_options,
    print_status,
)
from omnisense.agent.cli.respond import load_agent
from omnisense.errors import InputError
from omnisense.text import strip_control_characters

if TYPE_CHECKING:
    import numpy as np
    from rich.console import Console

    from omnisense.agent.agent import Agent
    from omnisense.agent.live.events import LiveEvent
    from omnisense.agent.live.settings import LiveSettings
    from omnisense.agent.live.simulation import Simulation
    from omnisense.agent.voice.base import Voice

_AFTER_S = 20.0  # that the agent may take for its last words after a file has ended


@click.command("talk")
@click.option("--input", "source", type=PATH, metavar="FILE", help="Hear this file instead of a microphone.")
@click.option(
    "--scenario",
    type=PATH,
    metavar="FILE",
    help="Run a scripted conversation (YAML) and check it.",
)
@click.option("--thread", metavar="ID", help="Conversation to start or continue. [default: one that is not kept]")
@click.option(
    "--output",
    type=FOLDER,
    metavar="DIR",
    help="Write turns.jsonl with the latencies of each turn, and with --input or --scenario conversation.wav.",
)
@click.option("--check-in", is_flag=True, help="End a reply early with a question when the listener's face falls.")
@VOICE
@agent_options
@perception_options
def talk_command(
    source: Path | None,
    scenario: Path | None,
    thread: str | None,
    output: Path | None,
    check_in: bool,
    voice: str,
    agent: AgentOptions,
    perception: PerceptionOptions,
) -> None:
    """Talk with the agent. Ctrl-C ends the conversation.

    Use headphones: what the speaker plays would be heard by the microphone as an interruption.

    \b
    Examples:
      omnisense talk
      omnisense talk --input question.wav --output talked
      omnisense talk --scenario barge_in.yaml
    """
    from omnisense.agent.live.settings import LiveSettings

    if source is not None and scenario is not None:
        raise InputError("--input and --scenario contradict each other", "Leave out one of them.")
    if scenario is not None:
        _run_scenario(scenario, voice, agent, perception, output)
        return
    settings = LiveSettings(check_in=check_in)
    clip = None if source is None else must_open(source)
    if clip is not None and not clip.has_audio:
        raise InputError("the file has no sound", "Give a recording of somebody who speaks.", source)
    if clip is None:
        _check_devices()
    speaker = load_speaker(voice)
    with load_agent(agent, perception) as loaded:
        if clip is None:
            _talk(loaded, speaker, settings, thread, output)
            return
        from omnisense.agent.live.simulation import Simulation

        with Simulation(loaded, speaker, settings, thread, run_folder=output) as simulation:
            if clip.has_video:
                simulation.show(clip)
            simulation.hear(clip.audio())
            _hear_out(simulation)
    _show_simulation(simulation, output, speaker)


def _hear_out(simulation: Simulation) -> None:
    """Let silence go in until the agent has nothing more to say."""
    until_s = simulation.now_s + _AFTER_S
    simulation.wait(simulation.engine.settings.max_endpointing_s + 0.5)
    while simulation.engine.is_busy and simulation.now_s < until_s:
        simulation.wait(0.5)


def _run_scenario(
    path: Path, voice: str, agent: AgentOptions, perception: PerceptionOptions, output: Path | None
) -> None:
    from omnisense.agent.live.scenario import read_scenario, run_scenario, scripted_agent

    scenario = read_scenario(path)
    speaker = load_speaker(voice)
    with load_agent(agent, perception) as loaded:
        answering = scripted_agent(scenario, loaded) if scenario.replies else loaded
        outcome = run_scenario(scenario, answering, speaker, run_folder=output)
    _show_simulation(outcome.simulation, output, speaker)
    for failure in outcome.failures:
        print_status(f"expected otherwise: {strip_control_characters(failure)}")
    if outcome.failures:
        raise SystemExit(1)
    print_status(f"as expected: {strip_control_characters(scenario.name)}")


def _show_simulation(simulation: Simulation, output: Path | None, voice: Voice) -> None:
    from omnisense.perception.media.encode import write_wav

    console = make_console()
    for event in simulation.events:
        _show(console, event)
    if output is not None:
        write_wav(output / "conversation.wav", simulation.recording(voice.sample_rate), voice.sample_rate)
        print_status(f"written to {output}")


def _show(console: Console, event: LiveEvent) -> None:
    """Print what was said."""
    from omnisense.agent.live import events

    line = ""
    if isinstance(event, events.TurnTranscribed):
        line = f"{event.speaker or 'you'}: {event.text}"
    elif isinstance(event, events.ReplySentence):
        line = f"agent: {event.text}"
    elif isinstance(event, events.Backchannel):
        line = f"  ({event.text or 'a sound'})"
    elif isinstance(event, events.ReplyEnded):
        delay = event.latency.e2e_latency
        line = f"  [first sound after {delay:.2f} s]" if delay is not None else ""
        if event.turn.interrupted:
            line += f" [interrupted; you heard: {event.turn.reply or 'nothing'}]"
    elif isinstance(event, events.TurnFailed):
        line = f"  [the turn failed: {event.error}]"
    if line:
        console.print(strip_control_characters(line), highlight=False, markup=False)


# --- microphone and speaker ---------------------------------------------------------------------------------


def _check_devices() -> Any:
    """Return the sounddevice module, if there are a microphone and a speaker.

    Raises:
        InputError: there are none, or the module is not installed.
    """
    remedy = "Connect one, or give --input FILE."
    try:
        import sounddevice
    except ImportError as error:
        raise InputError("sounddevice is not installed", "Run: pip install 'omnisense[talk]'") from error
    except OSError as error:  # its library
        raise InputError(
            f"sound cannot be used ({error})", "Install PortAudio (libportaudio2), or give --input FILE."
        ) from error
    for kind, what in (("input", "microphone"), ("output", "speaker")):
        try:
            sounddevice.query_devices(kind=kind)
        except (sounddevice.PortAudioError, ValueError) as error:
            raise InputError(f"this machine has no {what}", remedy) from error
    return sounddevice


def _talk(agent: Agent, voice: Voice, settings: LiveSettings, thread: str | None, output: Path | None) -> None:
    """Talk until Ctrl-C."""
    from omnisense.agent.live.events import ReplyAudio, ReplyPaused
    from omnisense.agent.live.session import LiveSession
    from omnisense.perception.media.decode import SAMPLE_RATE_HZ

    sounddevice = _check_devices()
    console, speaker = make_console(), _Speaker()
    with LiveSession(agent, voice, settings, thread, output) as session:

        def heard(data: np.ndarray, *_: Any) -> None:
            session.feed_audio(data[:, 0].copy())

        microphone = sounddevice.InputStream(SAMPLE_RATE_HZ, 320, channels=1, dtype="float32", callback=heard)
        output_stream = sounddevice.OutputStream(voice.sample_rate, channels=1, dtype="float32", callback=speaker.fill)
        with microphone, output_stream:
            console.print("Speak; Ctrl-C ends the conversation.")
            for event in _until_interrupted(session.events()):
                if isinstance(event, ReplyAudio):
                    speaker.add(event.samples)
                elif isinstance(event, ReplyPaused):
                    speaker.drop()
                _show(console, event)


def _until_interrupted(events: Iterator[LiveEvent]) -> Iterator[LiveEvent]:
    try:
        yield from events
    except KeyboardInterrupt:
        click.echo()


class _Speaker:
    """What is to be played; filled by one thread, and emptied by the sound library's."""

    def __init__(self) -> None:
        import numpy as np

        self._waiting: np.ndarray = np.zeros(0, np.float32)
        self._lock = threading.Lock()

    def add(self, samples: np.ndarray) -> None:
        """Play this after what waits."""
        import numpy as np

        with self._lock:
            self._waiting = np.concatenate([self._waiting, samples])

    def drop(self) -> None:
        """Be silent at once."""
        with self._lock:
            self._waiting = self._waiting[:0]

    def fill(self, data: np.ndarray, frames: int, *_: Any) -> None:
        """Give the library its next frames."""
        with self._lock:
            count = min(frames, len(self._waiting))
            data[:count, 0], data[count:, 0] = self._waiting[:count], 0.0
            self._waiting = self._waiting[count:]
