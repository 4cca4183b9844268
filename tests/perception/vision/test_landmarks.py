"""Heads, eyes and lips: the face mesh, and gestures out of it."""

import cv2
import numpy as np
import pytest

from omnisense import ModelError, models, open_clip
from omnisense.perception.vision.face_mesh import FaceMesh, _facing_camera, region_of_face
from omnisense.perception.vision.gestures import detect_head_gestures


@pytest.fixture(scope="module")
def look():
    from omnisense.perception.vision.face_detector import FaceDetector

    detector, mesh = FaceDetector(models.fetch("centerface")), FaceMesh(models.fetch("face-mesh"))

    def looked(image):
        face = detector.detect(image)[0]
        return mesh.estimate(image, region_of_face(face.box, face.landmarks, image.shape[1], image.shape[0]))

    return looked


@pytest.mark.shared
@pytest.mark.models
def test_head_pose_turns_with_the_picture(shared, look):
    image = open_clip(shared / "faces" / "single_face.jpg").frames().images[0]
    height, width = image.shape[:2]
    plain, mirrored = look(image), look(np.ascontiguousarray(image[:, ::-1]))
    assert mirrored.pose_deg[0] == pytest.approx(-plain.pose_deg[0], abs=4)
    assert mirrored.opening == pytest.approx(plain.opening, abs=0.02)
    turned = look(cv2.warpAffine(image, cv2.getRotationMatrix2D((width / 2, height / 2), -15, 1), (width, height)))
    assert turned.pose_deg[2] - plain.pose_deg[2] == pytest.approx(15, abs=4)
    assert turned.width == pytest.approx(plain.width, abs=0.04)
    assert plain.facing_camera > 0.7


@pytest.mark.models
def test_no_mesh_fits_where_no_face_is():
    from omnisense.perception.vision.litert import Region

    mesh = FaceMesh(models.fetch("face-mesh"))
    noise = np.random.default_rng(0).integers(0, 255, (200, 200, 3), dtype=np.uint8)
    assert mesh.estimate(noise, Region(np.array([100.0, 100.0]), 0.0, 150.0)) is None


def test_a_mesh_that_is_none_is_refused(tmp_path):
    (tmp_path / "face_landmark.tflite").write_bytes(b"no")
    with pytest.raises(ModelError, match="model cannot be loaded"):
        FaceMesh(tmp_path)


def test_eyes_make_up_for_a_turned_head():
    assert _facing_camera((0, 0, 0), [0.0, 0.0]) == 1.0
    assert _facing_camera((20, 0, 0), [0.0, 0.0]) < 0.2
    assert _facing_camera((20, 0, 0), [-0.14, -0.14]) > 0.8
    assert _facing_camera((0, 0, 0), [0.25, 0.25]) < 0.1


@pytest.mark.shared
@pytest.mark.models
def test_talking_heads_look_into_the_camera_and_do_not_nod(shared, perception):
    for name in ("brbk7n.mpg", "lbax4n.mpg", "lwbsza.mpg"):
        (face,) = perception.perceive(shared / "grid" / name).visual.faces
        assert len(face.head_pose) == len(face.facing_camera) == len(face.mouth_movement) == len(face.times_s)
        assert np.mean([f for f in face.facing_camera if f is not None]) > 0.6
        assert max(face.mouth_movement) > 0.04
        assert face.gestures == ()


# --- gestures -------------------------------------------------------------------------------------------------


def moved(axis, hz=2.0, swing=8.0, seconds=1.5, drift=0.0):
    times = np.arange(0, 6, 0.04)
    pose = np.random.default_rng(0).normal(0, 0.3, (len(times), 3))
    during = (times >= 2) & (times < 2 + seconds)
    pose[during, axis] += swing / 2 * np.sin(2 * np.pi * hz * (times[during] - 2))
    pose[:, axis] += drift * times
    return times, pose


@pytest.mark.parametrize(("axis", "kind"), [(1, "nod"), (0, "shake")])
def test_nods_and_shakes_are_told_apart(axis, kind):
    (gesture,) = detect_head_gestures(*moved(axis, drift=2.0))
    assert gesture.kind == kind
    assert gesture.start_s == pytest.approx(2, abs=0.3)
    assert gesture.end_s == pytest.approx(3.5, abs=0.3)
    assert gesture.count in (2, 3)


@pytest.mark.parametrize("still", [{"swing": 2.0}, {"hz": 0.5, "seconds": 4.0}, {"hz": 1.0, "seconds": 0.5}])
def test_small_slow_and_single_movements_are_no_gestures(still):
    assert detect_head_gestures(*moved(1, **still)) == []


def test_too_little_to_tell():
    assert detect_head_gestures(np.zeros(0), np.zeros((0, 3))) == []
    times = np.r_[np.arange(5) * 0.04, 10 + np.arange(5) * 0.04]
    assert detect_head_gestures(times, np.zeros((10, 3))) == []


@pytest.mark.models
def test_loading_announces_nothing_and_swallows_nothing(capfd):
    import os

    from omnisense.compat import without_xnnpack_banner

    FaceMesh(models.fetch("face-mesh"))
    assert capfd.readouterr().err == ""
    with without_xnnpack_banner():
        os.write(2, b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.\nsomething of another thread\n")
    assert capfd.readouterr().err == "something of another thread\n"
