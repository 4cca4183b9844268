import numpy as np
import pytest

from omnisense import models
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.vision.expression_classifier import EXPRESSIONS, crop_face
from omnisense.perception.vision.face_detector import Face
from omnisense.perception.vision.tracking import FaceObservation, Tracker, track_faces
from tests.conftest import DEMO


def face_at(x, y=0.5, size=0.2, score=0.9):
    box = np.array([x - size / 2, y - size / 2, x + size / 2, y + size / 2])
    marks = np.array([[x - 0.05, y - 0.05], [x + 0.05, y - 0.05], [x, y], [x - 0.04, y + 0.05], [x + 0.04, y + 0.05]])
    return Face(box, marks, score)


class FakeDetector:
    """Faces by frame, in the order of the frames."""

    def __init__(self, script):
        self.script = script

    def detect(self, image):
        from tests.conftest import frame_numbers

        return self.script(frame_numbers(image[None])[0])


def seen(make_media, script, **settings):
    clip = open_clip(make_media("a.mp4", video_s=4.0, audio_s=None, fps=10))
    return track_faces(clip, Sampling(fps=5, **settings), FakeDetector(script), None)


def test_two_people_keep_their_tracks(make_media):
    stream = seen(make_media, lambda i: [face_at(0.8 - 0.001 * i), face_at(0.2 + 0.001 * i)][:: 1 if i % 4 else -1])
    assert [(f.id, f.position) for f in stream.faces] == [("face-1", "left"), ("face-2", "right")]
    assert all(len(f.times_s) == 20 for f in stream.faces)
    assert stream.notes == ()
    assert stream.expression_labels == ()


def test_onset_offset_gaps_and_flicker(make_media):
    def script(i):
        if 8 <= i < 16 or i >= 22:  # away for 0.6 s: the same track goes on
            return [face_at(0.5)]
        return [face_at(0.1, size=0.05, score=0.55)] if i == 4 else []

    stream = seen(make_media, script)
    assert len(stream.faces) == 1
    assert stream.faces[0].start_s == pytest.approx(0.8, abs=0.01)
    assert stream.faces[0].end_s == pytest.approx(4.0, abs=0.01)


def test_away_for_long_is_a_new_track(make_media):
    stream = seen(make_media, lambda i: [] if 8 <= i < 28 else [face_at(0.5)])
    assert [round(f.start_s, 1) for f in stream.faces] == [0.0, 2.8]


def test_a_cut_is_found_and_ends_the_tracks(tmp_path):
    import av

    path = tmp_path / "cut.mp4"
    rng = np.random.default_rng(0)
    scenes = [np.full((120, 160, 3), (200, 40, 40), np.uint8), np.full((120, 160, 3), (30, 60, 200), np.uint8)]
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=10)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        for i in range(40):
            image = np.clip(scenes[i >= 20] + rng.integers(-5, 5, (120, 160, 3)), 0, 255).astype(np.uint8)
            out.mux(video.encode(av.VideoFrame.from_ndarray(image, format="rgb24")))
        out.mux(video.encode())

    class Always:
        def detect(self, image):
            return [face_at(0.5)]

    stream = track_faces(open_clip(path), Sampling(fps=5), Always(), None)
    assert stream.shot_cuts_s == pytest.approx((2.0,), abs=0.01)
    assert len(stream.faces) == 2


def test_another_face_at_the_same_place_is_another_person():
    """A cut between two people before one background: few colors change."""
    rng = np.random.default_rng(0)
    looks = [rng.integers(0, 255, (8, 8), dtype=np.uint8).repeat(10, 0).repeat(10, 1) for _ in range(2)]
    grays = [np.full((200, 200), 90, np.uint8) for _ in looks]
    for gray, look in zip(grays, looks, strict=True):
        gray[60:140, 60:140] = look
    tracker = Tracker()
    found = [
        tracker.add(i * 0.5, [FaceObservation.of(face_at(0.5), grays[i >= 3], None)], changed=changed)
        for i, changed in enumerate([False, True, True, True, False])
    ]
    assert found == [False, False, False, True, False]
    assert [len(t.times_s) for t in tracker.tracks(0.5, 2.5, few_frames=True)] == [3, 2]


@pytest.mark.shared
@pytest.mark.models
def test_a_cut_between_two_people_before_one_background(shared, perception, tmp_path):
    from omnisense.perception.media.encode import write_clip

    frames = [
        open_clip(shared / "grid" / f"{name}.mpg").frames(Sampling(fps=5)).images for name in ("bbaf2n", "lbax4n")
    ]
    write_clip(tmp_path / "cut.mp4", np.concatenate(frames), None, 5)
    models = perception.registry.vision_models()
    stream = track_faces(open_clip(tmp_path / "cut.mp4"), Sampling(fps=2), models.face_detector, None)
    assert len(stream.faces) == 2
    assert stream.shot_cuts_s == pytest.approx((3.0,), abs=0.5)


def test_motion_without_a_cut(make_media):
    stream = seen(make_media, lambda i: [])
    assert stream.shot_cuts_s == ()
    assert stream.motion[0] == 0.0
    assert 0.0 < max(stream.motion) < 0.2


def test_patches_follow_the_face():
    grey = np.zeros((200, 200), np.uint8)
    grey[110:130, 90:110] = 255  # around the mouth of a face at the centre
    marks = np.array([[0.45, 0.4], [0.55, 0.4], [0.5, 0.5], [0.46, 0.6], [0.54, 0.6]])
    assert crop_face(grey, marks, at=1.0, width=0.4, height=0.4, size=(8, 8)).mean() > 200
    assert crop_face(grey, marks, at=0.0, width=0.4, height=0.4, size=(8, 8)).mean() == 0


def test_patches_turn_with_the_eyes():
    import cv2

    rng = np.random.default_rng(0)
    gray = cv2.GaussianBlur(rng.integers(0, 255, (200, 200), dtype=np.uint8), (0, 0), 6)
    marks = np.array([[0.4, 0.4], [0.6, 0.4], [0.5, 0.5], [0.42, 0.6], [0.58, 0.6]])
    turn = cv2.getRotationMatrix2D((100, 100), 20, 1)
    turned = cv2.warpAffine(gray, turn, (200, 200), borderMode=cv2.BORDER_REPLICATE)
    turned_marks = (marks * 200 @ turn[:, :2].T + turn[:, 2]) / 200
    upright = crop_face(gray, marks, at=0.5, width=2.0, height=2.0, size=(32, 32))
    again = crop_face(turned, turned_marks, at=0.5, width=2.0, height=2.0, size=(32, 32))
    assert np.abs(upright.astype(int) - again).mean() < 4 < np.ptp(upright)


@pytest.mark.models
def test_nothing_is_known_of_a_head_that_is_turned_away(perception):
    classifier = perception.registry.vision_models().expression_classifier
    marks = np.array([[0.45, 0.4], [0.55, 0.4], [0.60, 0.5], [0.46, 0.6], [0.54, 0.6]])
    assert np.allclose(classifier.classify(np.full((200, 200), 90, np.uint8), marks), 1 / 7)


@pytest.mark.models
def test_the_demo_clip_is_seen(perception):
    stream = perception.perceive(DEMO).visual
    assert len(stream.faces) == 1
    face = stream.faces[0]
    assert (face.position, face.start_s) == ("centre", 0.0)
    assert len(face.times_s) == len(face.boxes) == len(face.expression) == len(face.mouth_movement)
    assert EXPRESSIONS[int(np.mean(face.expression, axis=0).argmax())] == "happy"
    assert np.allclose(np.sum(face.expression, axis=1), 1.0, atol=1e-3)
    first, last = face.boxes[0], face.boxes[-1]
    assert last[2] - last[0] > 1.2 * (first[2] - first[0])  # the camera moves closer


@pytest.mark.models
def test_detections_do_not_depend_on_threads():
    from omnisense.perception.vision.face_detector import FaceDetector

    image = open_clip(DEMO).frames(at_s=[3.0]).images[0]
    found = [FaceDetector(models.find("centerface"), threads=n).detect(image) for n in (1, 2)]
    assert np.allclose(found[0][0].box, found[1][0].box, atol=1e-4)


@pytest.mark.models
@pytest.mark.shared
@pytest.mark.parametrize("edge", ["left", "right"])
def test_a_face_that_the_edge_cuts_in_half_is_found_whole(shared, edge):
    from omnisense.perception.vision.face_detector import FaceDetector

    frame = open_clip(shared / "grid" / "lbax4n.mpg").frames().images[0]
    detector = FaceDetector(models.find("centerface"))
    [whole] = detector.detect(frame)
    middle = round(float(whole.landmarks[:2, 0].mean()) * frame.shape[1])
    half = frame[:, middle:] if edge == "left" else frame[:, :middle]
    [face] = detector.detect(np.ascontiguousarray(half))
    at_edge = face.box[0] if edge == "left" else 1.0 - face.box[2]
    assert at_edge == pytest.approx(0.0, abs=0.01)
    eyes = face.landmarks[:2, 0]  # the right eye is on the picture's left
    assert (eyes[0] < 0.0 < eyes[1]) if edge == "left" else (eyes[0] < 1.0 < eyes[1])
    assert face.landmarks[:, 1] == pytest.approx(whole.landmarks[:, 1], abs=0.05)
