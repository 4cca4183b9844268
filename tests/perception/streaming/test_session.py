"""Perception while it happens."""

import numpy as np
import pytest

from omnisense import InputError, open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.streaming.buffer import AudioBuffer, find_quietest_cut
from omnisense.perception.streaming.recording import RecordedAudio
from omnisense.perception.streaming.session import Chunk, LivePerception, perceive_stream
from tests.conftest import DEMO, tone

pytestmark = pytest.mark.models


def pieces(clip, fps=0.0, seconds=None):
    """A clip in chunks of 100 ms, with frames where wanted."""
    sound = clip.audio()
    frames = clip.frames(Sampling(fps=fps)) if fps else None
    for number in range(int(np.ceil(round((seconds or clip.duration_s) * 10, 4)))):
        start_s = number / 10
        frame = None
        if frames is not None:
            at = int(np.searchsorted(frames.times_s, start_s + 1e-6, side="right")) - 1
            if start_s <= frames.times_s[at] + 1 / fps:
                frame = frames.images[at]
        yield Chunk(start_s, sound[number * 1600 : (number + 1) * 1600], frame)


def words_of(percepts):
    return [(w.text, w.start_s, w.end_s, w.speaker) for s in percepts.transcript.segments for w in s.words]


def test_partial_words_come_first_and_the_end_is_as_for_a_file(perception):
    updates, live = [], LivePerception(perception)
    for chunk in pieces(open_clip(DEMO), fps=10):
        update = live.feed(chunk)
        updates += [update] if update else []
    updates.append(live.finish())
    partial = [u.partial.text for u in updates if u.partial]
    assert any("fly to" in text for text in partial)
    assert len(partial[-1]) > len(partial[0])
    said = " ".join(s.text for u in updates for s in u.segments)
    assert said.startswith("I am going to fly to space.")
    assert "nervous" in said
    events = [e for u in updates for e in u.events]
    assert [e.id for e in events] == [f"e{i + 1}" for i in range(len(events))]
    texts = [e.text for e in events]
    assert "a face appears (face-1)" in texts
    assert "face-1 looks happy" in texts

    percepts, whole = live.percepts(), perception.perceive(DEMO)
    assert words_of(percepts) == words_of(whole)
    assert percepts.audio.speaker_turns == whole.audio.speaker_turns
    assert type(percepts) is type(whole)
    assert {t.speaker for t in percepts.audio.speaker_turns} == {"voice-1"}
    assert len(percepts.visual.faces) == len(whole.visual.faces) == 1
    face = percepts.visual.faces[0]
    assert len(face.head_pose) == len(face.facing_camera) == len(face.times_s) > 10
    assert "says" in percepts.render()
    assert type(percepts).from_json(percepts.to_json()) == percepts


def test_dropped_and_late_chunks_do_no_harm(perception):
    chunks = list(pieces(open_clip(DEMO), seconds=5.0))
    del chunks[2:4]  # never comes: silence
    chunks[20], chunks[22] = chunks[22], chunks[20]  # out of order
    chunks.append(chunks[1])  # twice
    chunks.append(Chunk(5.0, np.zeros(0, np.float32)))
    live = LivePerception(perception)
    for chunk in chunks:
        live.feed(chunk)
    live.finish()
    percepts = live.percepts()
    assert percepts.transcript.text.startswith("I am going to fly to space")
    assert percepts.clip.duration_s == pytest.approx(5.0, abs=0.01)
    assert any("never received" in note for note in percepts.audio.notes)


def test_a_long_gap_ends_the_utterance_before_it(perception):
    sound = open_clip(DEMO).audio()[:48_000]
    *_, last = perceive_stream([Chunk(0.0, sound), Chunk(100.0, sound)], perception)
    assert [s.start_s > 99 for s in last.segments] == [False, True]


def test_an_empty_stream_and_one_of_silence(perception):
    (only,) = perceive_stream([], perception)
    assert (only.partial, only.segments, only.events) == (None, (), ())
    live = LivePerception(perception)
    for number in range(30):
        assert live.feed(Chunk(number / 10, np.zeros(1600, np.float32))) is None
    live.finish()
    percepts = live.percepts()
    assert percepts.transcript.segments == ()
    assert percepts.missing() == {"visual": "no frame was received"}
    assert len(live._buffer.samples) <= 2.2 * 16_000  # silence is not kept


@pytest.mark.parametrize(
    "chunk",
    [
        Chunk(-1.0),
        Chunk(float("nan")),
        Chunk(0.0, np.zeros((2, 100), np.float32)),
        Chunk(0.0, np.zeros(100, np.int16)),
        Chunk(0.0, frame=np.zeros((10, 10), np.uint8)),
    ],
)
def test_what_is_no_chunk_is_refused(perception, chunk):
    with pytest.raises(InputError, match="chunk"):
        LivePerception(perception).feed(chunk)


def test_only_what_is_asked_for(perception):
    from omnisense.perception.pipeline import Perception
    from omnisense.perception.settings import PerceptionSettings

    heard = LivePerception(Perception(PerceptionSettings(streams=("audio",)), cache=False))
    for chunk in pieces(open_clip(DEMO), fps=5, seconds=4.0):
        update = heard.feed(chunk)
        assert update is None or (update.partial is None and update.segments == ())
    heard.finish()
    percepts = heard.percepts()
    assert percepts.missing() == {"visual": "it was not requested", "transcript": "it was not requested"}
    assert percepts.audio.utterances


@pytest.mark.shared
@pytest.mark.slow
def test_two_voices_are_told_apart_live(perception, shared):
    live = LivePerception(perception)
    for chunk in pieces(open_clip(shared / "speech" / "two_speaker_call" / "sample.wav")):
        live.feed(chunk)
    live.finish()
    percepts = live.percepts()
    assert len(percepts.people) == 2
    of = {s.text: s.speaker for s in percepts.transcript.segments}
    diane = next(v for t, v in of.items() if "Diane" in t)
    assert next(v for t, v in of.items() if "Yankee" in t) != diane
    assert next(v for t, v in of.items() if "New Jersey now" in t) == diane


@pytest.mark.shared
@pytest.mark.slow
@pytest.mark.parametrize("recording", ["two_speaker_call/sample.wav", "ami/dev00.flac"])
def test_the_end_of_a_call_or_a_meeting_is_as_for_its_file(shared, perception, recording):
    path = shared / "speech" / recording
    *_, last = perceive_stream(pieces(open_clip(path)), perception)
    whole = perception.perceive(path)
    assert words_of(last.percepts) == words_of(whole)
    assert last.percepts.audio.speaker_turns == whole.audio.speaker_turns
    assert [u.emotion for u in last.percepts.audio.utterances] == [u.emotion for u in whole.audio.utterances]


def test_recorded_audio_is_kept_at_its_time_up_to_a_limit():
    recorded = RecordedAudio(2.0)
    recorded.add(0.5, np.ones(1600, np.float32))
    recorded.add(0.1, np.full(1600, 2.0, np.float32))  # late
    assert recorded.duration_s == pytest.approx(0.6)
    assert recorded.audio(0.05, 0.15).tolist() == [0.0] * 800 + [2.0] * 800
    assert recorded.audio(0.4).tolist() == [0.0] * 1600 + [1.0] * 1600
    recorded.add(1.95, np.ones(1600, np.float32))
    assert (recorded.is_complete, recorded.duration_s) == (False, 0.0)
    recorded.add(0.7, np.ones(1600, np.float32))
    assert not recorded.is_complete  # a part of the stream is no recording of it
    assert not RecordedAudio(0.0).is_complete


def test_audio_is_inserted_at_its_time():
    buffer = AudioBuffer()
    buffer.add(1.0, np.ones(1600, np.float32))
    buffer.add(1.3, np.full(1600, 3.0, np.float32))
    buffer.add(1.1, np.full(1600, 2.0, np.float32))  # late, but not too late
    assert [float(buffer.samples[i * 1600]) for i in range(4)] == [1, 2, 0, 3]
    buffer.drop(0.2)
    assert buffer.start_s == pytest.approx(1.2)
    buffer.add(1.0, np.ones(1600, np.float32))  # past
    assert buffer.end_s == pytest.approx(1.4)
    assert len(buffer.notes()) == 2


def test_the_cut_is_in_the_quietest_spot():
    loud = tone(4.0)
    loud[48_000:49_600] = 0
    assert 48_000 <= find_quietest_cut(loud) <= 49_600
