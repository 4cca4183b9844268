"""The perception benchmark, on cases with known figures."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.io import wavfile

from omnisense.benchmarks.perception import conditions, cost, diarization, faces, transcription
from omnisense.benchmarks.perception.__main__ import as_table
from omnisense.benchmarks.perception.compose import KINDS, ComposedClip, Head, plan_clips
from omnisense.benchmarks.perception.progress import Progress
from omnisense.perception.emotion.reliability import read_reliability
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.types import (
    AudioStream,
    Prosody,
    Segment,
    Span,
    SpeakerSegment,
    SpeakerTurn,
    Transcript,
    Word,
)
from tests.conftest import tone
from tests.perception.test_pipeline import face, full, make_percepts


class Fixed:
    """A perception pipeline that always returns the same percepts."""

    def __init__(self, percepts):
        self.percepts = percepts

    def perceive(self, clip):
        return self.percepts


def said(*segments):
    return Fixed(make_percepts(transcript=Transcript("en", tuple(segments), "test")))


def test_words_are_compared_as_they_are_spoken():
    assert transcription.normalize_spoken("Bin blue at F2, now!") == "bin blue at f two now"


def test_grid_counts_words_and_their_starts(tmp_path):
    (tmp_path / "transcripts.csv").write_text("file,transcript\na.mpg,bin blue at f two now\nb.mpg,set white\n")
    (tmp_path / "swwp2s.align").write_text("0 12500 sil\n12500 25000 set\n25000 50000 white\n")
    found = transcription.grid(
        tmp_path, said(Segment(0, 1, "Set white.", (Word("Set", 0.53, 0.9), Word("white.", 1.05, 1.5))))
    )
    assert found["wer"] == pytest.approx(6 / 8)  # of eight words, six are not "set white"
    assert found["word start error ms"] == 40.0
    assert found["worst ms"] == 50.0


def test_words_of_the_wrong_speaker_are_errors(tmp_path):
    (tmp_path / "sample.stm").write_text("sample 1 Ann 0 1 one two\nsample 1 Bob 1 2 three four\n")
    right = transcription.speaker_attributed(
        tmp_path, said(Segment(0, 1, "three four", speaker="v2"), Segment(0, 1, "one two", speaker="v1"))
    )
    assert right["speaker-attributed wer"] == 0.0
    assert right["speakers"] == "2 of 2"
    wrong = transcription.speaker_attributed(tmp_path, said(Segment(0, 1, "one two three four", speaker="v1")))
    assert wrong["wer"] == 0.0
    assert wrong["speaker-attributed wer"] == 1.0  # two words too many for one speaker, two too few for the other


def test_diarization_error_has_a_collar_on_both_sides(tmp_path):
    (tmp_path / "x.rttm").write_text(
        "SPEAKER x 1 0.0 2.0 <NA> <NA> a <NA> <NA>\nSPEAKER x 1 2.0 2.0 <NA> <NA> b <NA> <NA>\n"
    )

    def rates(border_s):
        turns = (SpeakerTurn(0.0, border_s, "v1"), SpeakerTurn(border_s, 4.0, "v2"))
        audio = AudioStream(4.0, (), (), (), (), Prosody(), speaker_turns=turns)
        return diarization.error_rates(make_percepts(audio=audio), tmp_path / "x.rttm", "x")

    assert rates(2.2)["der, 0.25 s collar"] == 0.0
    assert rates(2.2)["der"] == pytest.approx(0.05)
    assert rates(2.5)["der, 0.25 s collar"] > 0.05
    assert rates(2.2)["voices"] == "2 of 2"


def heads():
    rng = np.random.default_rng(0)
    return [
        Head(
            str(i), rng.integers(0, 255, (50, 32, 32, 3), dtype=np.uint8), tone(2.0, hz=120 + 40 * i), (Span(0.5, 1.5),)
        )
        for i in range(3)
    ]


def test_composed_clips_are_what_they_say(tmp_path):
    composed = [plan.write(tmp_path) for plan in plan_clips(heads()[:3])]
    assert len(composed) == 3 * (len(KINDS) + 4)  # four kinds in two ways each
    by_kind = {c.kind: c for c in composed[:14]}
    assert set(by_kind) == set(KINDS)
    clip = open_clip(by_kind["one at a time"].path)
    assert (clip.width, clip.height, round(clip.duration_s)) == (64, 32, 4)
    assert [who for _, who in by_kind["one at a time"].truth] == ["1", "0"]
    assert [span.start_s for span, _ in by_kind["moving"].truth] == [0.5, 2.5]
    assert [who for _, who in by_kind["elsewhere"].truth] == ["elsewhere", "elsewhere"]
    assert [who for _, who in by_kind["third voice"].truth] == ["0", "elsewhere", "1"]
    assert by_kind["silent"].truth == ()
    assert np.abs(open_clip(by_kind["silent"].path).audio()).max() < 1e-3
    still = clip.frames(at_s=[0.2, 1.5]).images.astype(int)
    assert np.abs(still[0, :, :28] - still[1, :, :28]).mean() < 5 < np.abs(still[0, :, 36:] - still[1, :, 36:]).mean()
    half = by_kind["half out"]
    assert open_clip(half.path).width == 48
    assert [half.head_at(0.0, x) for x in (0.1, 0.4, 0.9)] == ["0", "1", "1"]
    assert [by_kind["cut"].head_at(t, 0.5) for t in (1.0, 3.0)] == ["0", "1"]


def test_speech_time_is_shared_out_to_heads(tmp_path):
    visual = full().visual
    percepts = make_percepts(
        visual=type(visual)(
            visual.times_s, 640, 360, (face("face-1", x=0.1), face("face-2", x=0.7)), visual.motion, (), ()
        )
    )
    truth = ((Span(0.0, 2.0), "ana"), (Span(3.0, 5.0), "ben"), (Span(6.0, 7.0), "elsewhere"))
    shown = ((Span(0.0, 10.0), (("ana", 0.5), ("ben", 1.0))),)
    spoken = (
        SpeakerSegment(0.0, 1.0, "", "face-1", False, 1.0),
        SpeakerSegment(3.0, 5.0, "", "face-1", False, 1.0),
        SpeakerSegment(6.0, 7.0, "", None, True, 1.0),
    )
    given = replace(percepts, speaker_segments=spoken)
    assert faces.correct_share(ComposedClip(tmp_path, "moving", truth, shown), given) == pytest.approx(2 / 5, abs=0.01)
    assert faces.correct_share(ComposedClip(tmp_path, "silent", (), shown), given) == pytest.approx(4.0)


def test_a_stopped_measurement_goes_on_where_it_was(tmp_path):
    computed = []

    def measure(key, version="1", stop=None):
        progress = Progress(tmp_path / "p" / "clips.jsonl", version)
        for clip in "abc":
            if clip == stop:
                return []
            found = progress.get(clip, lambda clip=clip: computed.append(clip) or {"clip": clip})
            assert found == {"clip": clip}
        if not stop:
            progress.finish()
        return computed

    measure("first", stop="c")
    assert measure("again") == ["a", "b", "c"]  # each once
    assert measure("anew") == ["a", "b", "c"] * 2  # a measurement that is complete is made again
    measure("stopped", stop="b")
    assert measure("other code", version="2")[-3:] == ["a", "b", "c"]


def test_speech_at_the_very_start_of_a_recording_is_no_noise_of_its_room(tmp_path, monkeypatch):
    path = tmp_path / "meeting.wav"
    wavfile.write(path, SAMPLE_RATE_HZ, np.concatenate([np.ones(16_000), np.zeros(48_000)]).astype(np.float32))
    monkeypatch.setattr(conditions, "voice_activity", lambda samples: [Span(0.1, 1.0)])
    noise = conditions._recorded_noise(path)
    assert len(noise) == 64_000 - round(1.3 * SAMPLE_RATE_HZ)
    assert not noise.any()


def test_calibration_is_the_gap_between_said_and_true():
    found = faces.calibration([(0.95, True), (0.95, True), (0.55, False), (0.55, True)])
    assert found["expected calibration error"] == pytest.approx((0.05 * 2 + 0.05 * 2) / 4)
    assert found["reliability"] == {"0.5-0.6": "0.50 of 2", "0.9-1.0": "1.00 of 2"}


def test_a_file_is_repeated_packet_by_packet(make_media, tmp_path):
    clip = make_media("short.mp4", video_s=2.0, audio_s=2.0)
    longer = open_clip(cost.repeat_clip(clip, tmp_path / "long.mp4", 5))
    assert longer.duration_s == pytest.approx(10.0, abs=0.3)
    assert len(longer.audio()) / 16_000 == pytest.approx(10.0, abs=0.3)
    assert len(longer.frames(at_s=[0.1, 9.5]).times_s) == 2


def test_a_word_is_shown_when_its_text_is_from_its_start_on():
    spoken = [Word("Hello.", 0.0, 0.5), Word("you", 2.0, 2.3), Word("there", 5.0, 5.5)]
    shown = [(1.0, "hello you"), (3.0, "Hello, you!")]
    assert [at for _, at in cost._first_shown(spoken, shown)] == [1.0, 3.0, None]


def test_the_table_has_a_row_a_figure_and_the_manifest():
    manifest = {"machine": "2 cores", "command": "c", "models": {"faces": "x@1"}, "packages": {"torch": "2"}}
    table = as_table({"words": {"wer": 0.1, "took s": 3}, "long": {"15 min": {"a": 1, "b": {}}}}, manifest)
    assert "| words | wer | 0.1 |" in table
    assert "| long | 15 min | a: 1; b: none |" in table
    assert "took" not in table
    assert "faces: x@1" in table


def test_what_is_not_there_is_left_out(tmp_path, capsys):
    from click.testing import CliRunner

    from omnisense.benchmarks.perception.__main__ import main

    (tmp_path / "data").mkdir()
    result = CliRunner().invoke(
        main,
        [str(tmp_path / "data"), "--output", str(tmp_path / "out"), "--part", "transcription", "--part", "diarization"],
    )
    assert result.exit_code == 0, result.output
    assert "grid does not exist" in (tmp_path / "out" / "perception.md").read_text()
    assert json.loads((tmp_path / "out" / "perception.json").read_text())["figures"]["voices, AMI"]


def test_reliability_is_shown_as_a_table_of_its_own():
    manifest = {"machine": "2 cores", "command": "measure", "models": {}, "packages": {}}
    reliability = read_reliability(np.array([0.55, 0.95]), np.array([False, True]))
    table = as_table({"faces": {"n": 2, "reliability": reliability}}, manifest)
    assert f"| faces | calibration error | {reliability['ece']} |" in table
    assert "## Reliability: faces\n\n| score | n |" in table
    assert "| 0.9-1.0 | 1 | 0.950 | 1.000 |" in table
    assert "bins" not in table
