"""Bodies and hands: what they show, over time, and on real pictures."""

from dataclasses import replace

import numpy as np
import pytest

from omnisense import ModelError, models, open_clip
from omnisense.perception.images.scene import Joint, Person, load_image
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.pipeline import Perception
from omnisense.perception.settings import PerceptionSettings
from omnisense.perception.streaming.faces import LiveFaceTracker
from omnisense.perception.types import Gesture
from omnisense.perception.vision.body import BodyEstimator, BodyState, Hand, _palm_anchors
from omnisense.perception.vision.gestures import GESTURE_PHRASES, classify_body, merge_gestures
from omnisense.perception.vision.litert import Region
from omnisense.perception.vision.pose import describe_pose

FACE = (100.0, 100.0, 180.0, 200.0)
LANDMARKS = np.array([(120.0, 130), (160, 130), (140, 150), (125, 175), (155, 175)])
NOWHERE = Region(np.zeros(2), 0.0, 1.0)
# A person who stands and lets the arms hang, in pixels; left and right their own.
STANDING = {
    "nose": (140, 150), "left_shoulder": (200, 260), "right_shoulder": (80, 260), "left_elbow": (210, 370),
    "right_elbow": (70, 370), "left_wrist": (210, 470), "right_wrist": (70, 470), "left_hip": (175, 480),
    "right_hip": (105, 480), "left_knee": (175, 650), "right_knee": (105, 650), "left_ankle": (175, 820),
    "right_ankle": (105, 820),
}  # fmt: skip


def person(*without, **moved):
    return {n: Joint(*xy, True) for n, xy in (STANDING | moved).items() if not any(part in n for part in without)}


def hand(x, y, spread=25.0):
    angles = np.linspace(0, 2 * np.pi, 21)
    return Hand(np.array([x, y]) + spread * np.c_[np.cos(angles), np.sin(angles)], NOWHERE)


@pytest.mark.parametrize(
    ("joints", "hands", "shown"),
    [
        ({}, (), ()),
        ({}, (hand(140, 195),), ("hand at mouth",)),
        ({}, (hand(140, 120),), ("hand at eyes",)),
        ({}, (hand(180, 160, 15),), ("hand at face",)),
        ({}, (hand(300, 160),), ()),
        ({}, (hand(140, 195), hand(120, 195)), ("hand at mouth",)),
        (person(), (), ("standing",)),
        (person("hip", "knee", "ankle"), (), ()),
        (person("knee", "ankle", left_wrist=(260, 120)), (), ("hand raised",)),
        (person("knee", "ankle", left_wrist=(260, 120), right_wrist=(20, 120)), (), ("hands raised",)),
        (person("knee", "ankle", left_wrist=(170, 180)), (hand(160, 180),), ("hand at mouth",)),
        (person("knee", "ankle", left_wrist=(170, 180)), (), ()),
        (person("knee", "ankle", left_wrist=(95, 375), right_wrist=(185, 375)), (), ("arms crossed",)),
        (person("left_elbow", "knee", "ankle", left_wrist=(95, 375), right_wrist=(185, 375)), (), ()),
    ],
)
def test_what_hands_and_arms_show(joints, hands, shown):
    found = classify_body(BodyState(joints, hands, None), FACE, LANDMARKS)
    assert found == shown
    assert all(kind in GESTURE_PHRASES for kind in found)


def test_a_turned_head_is_no_profile_while_both_shoulders_show():
    def view(shoulders_px):
        half = shoulders_px / 2
        joints = {
            "nose": (70, 40), "left_eye": (78, 34), "left_ear": (92, 38),
            "left_shoulder": (100 + half, 80), "right_shoulder": (100 - half, 80),
            "left_hip": (110, 180), "right_hip": (95, 180),
        }  # fmt: skip
        return describe_pose(Person("1", (40, 10, 160, 400), {n: Joint(*xy, True) for n, xy in joints.items()})).view

    assert view(16) == "in profile facing left"
    assert view(70) == ""


def test_what_is_held_is_one_gesture():
    looks = [(t, ("hand at mouth",) if 2 <= t < 6 and t not in (3.2, 3.6) else ()) for t in np.arange(25) * 0.4]
    assert merge_gestures([(round(t, 1), kinds) for t, kinds in looks]) == [Gesture(2.0, 5.6, "hand at mouth", 1)]


def test_what_is_seen_once_counts_in_a_still_only():
    assert merge_gestures([(0.0, ("standing",)), (0.4, ()), (0.8, ())]) == []
    assert merge_gestures([(0.0, ("standing",))]) == [Gesture(0.0, 0.0, "standing", 1)]
    assert merge_gestures([]) == []


def test_two_acts_part_by_a_long_time():
    looks = [(0.4 * i, ("sitting",) if i < 5 or i > 12 else ()) for i in range(20)]
    assert [(g.start_s, g.end_s) for g in merge_gestures(looks)] == [(0.0, 1.6), (5.2, 7.6)]


def test_the_palm_detector_has_an_anchor_for_each_answer():
    anchors = _palm_anchors(192)
    assert anchors.shape == (2016, 2)
    assert anchors.min() == 4.0
    assert anchors.max() == 188.0


# --- with models --------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def reader():
    return BodyEstimator(models.fetch("body"))


@pytest.mark.models
def test_where_nobody_is_there_is_no_body(reader):
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    assert reader.estimate(noise, (50.0, 20.0, 90.0, 70.0)) == BodyState({}, (), None)


@pytest.mark.shared
@pytest.mark.models
def test_joints_of_real_people(shared, perception):
    from omnisense.benchmarks.perception.pose import joints

    found = joints(shared / "people_images", perception)
    assert found["people"] >= 8
    assert found["found"] >= 0.65
    assert found["of these within half a face's height"] >= 0.9


@pytest.mark.shared
@pytest.mark.models
def test_a_man_at_the_telephone(shared, perception):
    (face,) = perception.perceive(shared / "people_images" / "images" / "000000234748.jpg").visual.faces
    assert [g.kind for g in face.gestures] == ["hand at mouth", "standing"]


@pytest.mark.shared
@pytest.mark.models
def test_a_body_is_followed_from_look_to_look(shared, reader, perception):
    image = load_image(shared / "people_images" / "images" / "000000234748.jpg")
    box = perception.registry.vision_models().face_detector.detect(image)[0].box * [640, 425, 640, 425]
    first = reader.estimate(image, tuple(box.tolist()))
    again = reader.estimate(image, tuple(box.tolist()), first)
    assert again.joints.keys() == first.joints.keys()
    apart = [np.hypot(again.joints[n].x - j.x, again.joints[n].y - j.y) for n, j in first.joints.items()]
    assert max(apart) < 0.5 * (box[3] - box[1])
    assert len(again.hands) == len(first.hands) == 1
    assert np.abs(again.hands[0].points - first.hands[0].points).max() < 0.3 * (box[3] - box[1])
    # The face of somebody who is not there: the body found below it has its nose elsewhere, and his hand is not near.
    assert reader.estimate(image, (400.0, 150.0, 420.0, 175.0), first) == BodyState({}, (), None)


@pytest.mark.shared
@pytest.mark.models
def test_a_hand_is_told_of_once_and_while_it_is_there(shared, perception):
    faces = LiveFaceTracker(perception.registry, perception.settings.sampling)
    events = []
    clip = open_clip(shared / "faces" / "WolfgangLanger_Pexels.mp4")[1.5:6.0]
    frames = clip.frames(Sampling(fps=5))
    for time_s, image in zip(frames.times_s.tolist(), frames.images, strict=True):
        events += [(time_s, event) for event in faces.add(time_s, image) if "hand" in event.text]
        if time_s > 3.5:
            faces.drop_before(time_s - 1.0)  # as live perception does after each utterance
    ((told_s, event),) = events
    assert event.text == "face-1 holds a hand to the mouth"
    assert told_s < 3.5  # it came at 1.1 and is there to the end
    (gesture,) = faces.stream().faces[0].gestures
    assert gesture.start_s == event.start_s
    assert gesture.end_s == pytest.approx(4.5, abs=0.5)


def test_a_missing_model_is_named_and_the_rest_stands(tmp_path):
    with pytest.raises(ModelError, match="model cannot be loaded"):
        BodyEstimator(tmp_path)
    perception = Perception(PerceptionSettings(streams=("visual",), body_model=str(tmp_path / "none")), cache=False)
    assert perception.registry.vision_models().body_estimator is None
    assert any("no body" in note for note in perception.registry.vision_models().notes)


def test_no_bodies_without_a_mesh():
    settings = PerceptionSettings(face_mesh_model=None)
    assert "body" not in settings.models()
    assert "body" in replace(settings, face_mesh_model="face-mesh").models()
