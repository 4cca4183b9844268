"""Who is talking: voices given to mouths."""

import itertools

import numpy as np
import pytest

from omnisense import InputError, ModelError, open_clip
from omnisense.perception.fusion.active_speaker import detect_active_speakers
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.types import AudioStream, Prosody, Segment, Span, SpeakerTurn, Transcript
from omnisense.perception.vision.landmarks import LandmarkTrack

NO_SOUND = (np.zeros(0), np.zeros(0))
# "baba ... mama ..." in an uneven rhythm
SYLLABLES = np.cumsum([0.5, 0.3, 0.22, 0.41, 0.27, 0.5, 0.24, 0.33, 0.45, 0.21, 0.36])


def phones(starts):
    found = []
    for start in starts:
        found += [("B", start, start + 0.06), ("AA", start + 0.06, start + 0.2)]
    return found


def lips(track, starts, delay_s=0.0, seconds=6.0, size=0.06, seed=0):
    """A mouth that opens for these syllables, ``delay_s`` before they are heard."""
    times = np.arange(0, seconds, 0.04)
    opening = np.full(len(times), 0.008)
    for start in starts:
        opening += size * np.exp(-(((times + delay_s - start - 0.12) / 0.06) ** 2))
    opening += np.random.default_rng(seed).normal(0, 0.0005, len(times)).clip(-0.001)
    return LandmarkTrack(track, times.tolist(), opening.tolist(), np.full(len(times), 0.25).tolist())


def heard(*turns):
    spans = tuple(Span(t.start_s, t.end_s) for t in turns)
    return AudioStream(6.0, spans, (), (), (), Prosody(), speaker_turns=tuple(turns))


OTHER = np.cumsum([0.35, 0.4, 0.31, 0.2, 0.44, 0.23, 0.38, 0.29, 0.51, 0.3, 0.24])
TURN = SpeakerTurn(0.45, 4.05, "voice-1")


@pytest.mark.parametrize("delay_s", [0.0, 0.24, -0.2, 0.48])
def test_of_two_mouths_the_one_that_fits_speaks_whatever_the_delay(delay_s):
    mouths = [lips("face-1", OTHER, delay_s), lips("face-2", SYLLABLES, delay_s, seed=1)]
    (part,) = detect_active_speakers(mouths, heard(TURN), NO_SOUND, phones(SYLLABLES))
    assert (part.face, part.off_screen, part.speaker) == ("face-2", False, "voice-1")
    assert part.confidence > 0.5


def test_a_still_mouth_does_not_speak():
    (part,) = detect_active_speakers([lips("face-1", [])], heard(TURN), NO_SOUND, phones(SYLLABLES))
    assert (part.face, part.off_screen) == (None, True)
    (part,) = detect_active_speakers([], heard(TURN), NO_SOUND, phones(SYLLABLES))
    assert (part.face, part.off_screen) == (None, True)


def test_the_only_mouth_that_moves_speaks_even_where_no_sound_is_known():
    mouths = [lips("face-1", SYLLABLES), lips("face-2", [], seed=2)]
    (part,) = detect_active_speakers(mouths, heard(TURN), NO_SOUND, [])
    assert part.face == "face-1"


def test_a_lone_mouth_that_says_something_else_is_dubbed():
    (part,) = detect_active_speakers([lips("face-1", OTHER)], heard(TURN), NO_SOUND, phones(SYLLABLES))
    assert (part.face, part.off_screen) == (None, True)
    assert part.confidence > 0.6
    (part,) = detect_active_speakers(
        [lips("face-1", SYLLABLES)], heard(TURN), NO_SOUND, phones(SYLLABLES), off_screen_prior=0.0
    )
    assert (part.face, part.confidence) == ("face-1", 1.0)
    with pytest.raises(InputError, match=r"off_screen_prior is 1\.5"):
        PerceptionSettings(off_screen_prior=1.5)


def test_without_phones_lips_are_held_to_the_loudness():
    times = np.arange(0, 6, 0.016)
    level_db = -40 + 25 * sum(np.exp(-(((times - s - 0.12) / 0.06) ** 2)) for s in SYLLABLES)
    mouths = [lips("face-1", OTHER), lips("face-2", SYLLABLES, seed=1)]
    (part,) = detect_active_speakers(mouths, heard(TURN), (times, level_db), [])
    assert part.face == "face-2"
    (part,) = detect_active_speakers(mouths[:1], heard(TURN), (times, level_db), [])
    assert (part.face, part.off_screen) == (None, True)  # it moves, but not when speech gets louder


def test_nobody_speaks_in_silence():
    assert detect_active_speakers([lips("face-1", SYLLABLES)], heard(), NO_SOUND, []) == []


def test_a_turn_is_parted_where_a_sentence_ends():
    """One voice label for two people who take turns without a pause."""
    first, second = SYLLABLES[:5], SYLLABLES[5:]
    mouths = [lips("face-1", first), lips("face-2", second, seed=1)]
    transcript = Transcript("en", (Segment(0.5, 2.0, "Ba ba."), Segment(2.15, 4.4, "Ba ba.")), "test")
    parts = detect_active_speakers(mouths, heard(TURN), NO_SOUND, phones(SYLLABLES), transcript)
    assert [p.face for p in parts] == ["face-1", "face-2"]


def test_light_asd_rules_out_a_mouth_that_it_finds_silent():
    mouths = [lips("face-1", SYLLABLES), lips("face-2", SYLLABLES, seed=1)]
    score = {"face-1": -2.0, "face-2": 1.5}
    (part,) = detect_active_speakers(mouths, heard(TURN), NO_SOUND, phones(SYLLABLES), talking=lambda t, a, b: score[t])
    assert part.face == "face-2"


# --- real clips -----------------------------------------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.models
@pytest.mark.slow
def test_two_real_faces_one_voice_at_a_time(shared, perception, tmp_path):
    from omnisense.benchmarks.perception.compose import Head, plan_clips
    from omnisense.benchmarks.perception.faces import correct_share

    heads = [Head.read(shared / "grid" / name) for name in ("brbk7n.mpg", "id2_vcd_swwp2s.mpg", "lwbsza.mpg")]
    kinds = ("one at a time", "moving", "silent", "elsewhere")
    composed = {plan.kind: plan.write(tmp_path) for plan in itertools.islice(plan_clips(heads, kinds), 6)}
    assert set(composed) == set(kinds)
    for kind in ("one at a time", "moving", "elsewhere"):
        percepts = perception.perceive(composed[kind].path)
        assert correct_share(composed[kind], percepts) >= 0.9, kind
        if kind == "one at a time":
            names = {p.name for p in percepts.people if p.speaking_s}
            assert names == {"the person on the left", "the person on the right"}
            text = percepts.render()
            assert "the person on the right says" in text
            assert "the person on the left says" in text
        if kind == "elsewhere":
            assert "a voice off screen" in percepts.render()
            assert percepts.render().count("does not speak") == 2
    assert perception.perceive(composed["silent"].path).speaker_segments == ()


@pytest.mark.shared
@pytest.mark.models
@pytest.mark.slow
def test_light_asd_tells_a_talking_face_from_a_still_one(shared):
    from omnisense.benchmarks.perception.compose import Head
    from omnisense.perception.fusion.light_asd import LightASD
    from omnisense.perception.pipeline import Perception
    from omnisense.perception.settings import PerceptionSettings

    weights = shared / "weights" / "light_asd"
    perception = Perception(PerceptionSettings(asd_model=str(weights)), cache=False)
    percepts = perception.perceive(shared / "grid" / "lbax4n.mpg")
    assert {p.face for p in percepts.speaker_segments} == {"face-1"}
    assert "asd" in percepts.provenance.models

    model, head = LightASD(weights), Head.read(shared / "grid" / "lbax4n.mpg")
    clip, face = open_clip(shared / "grid" / "lbax4n.mpg"), percepts.visual.faces[0]
    talking = model.of_clip(clip, percepts.visual)(face.id, 0.3, 2.0)
    from omnisense.perception.fusion.light_asd import _crop

    still = np.repeat(_crop(head.frames[-1], face, 2.9)[None], 43, axis=0)
    assert talking > 0 > float(model.score(still, head.samples[4800:32_000]).mean())


def test_light_asd_weights_that_are_none_are_refused(tmp_path):
    from omnisense.perception.fusion.light_asd import LightASD, mel_cepstra

    with pytest.raises(ModelError, match=r"Light-ASD weights cannot be loaded \(no \.model file\)"):
        LightASD(tmp_path)
    (tmp_path / "x.model").write_bytes(b"no")
    with pytest.raises(ModelError, match="Light-ASD weights cannot be loaded"):
        LightASD(tmp_path)
    assert mel_cepstra(np.zeros(16_000, np.float32)).shape == (99, 13)
