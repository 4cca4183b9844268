"""Face detection in single frames with CenterFace, on the CPU.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from omnisense.errors import ModelError
from omnisense.perception.geometry import iou

_STRIDE = 4  # of CenterFace's output grid, in pixels of the input
_MIN_SCORE = 0.5
_MAX_OVERLAP = 0.3
# A face of which half is out of the picture is looked for at the left and right edge beside its mirror image: in a
# strip of this height in pixels, as wide inside the picture and beyond it as these shares of the height.
_EDGE_PX, _EDGE_INSIDE, _EDGE_MIRRORED = 160, 0.5, 0.25
_CENTERED = 0.4  # of its width: how far from the edge the middle of a face with its mirror image may lie
_SAME_FACE = 0.3  # intersection over union


class Face(NamedTuple):
    """A face in one frame.

    Attributes:
        box: (4,) x1, y1, x2, y2 in fractions of the frame.
        landmarks: (5, 2) right eye, left eye, nose, right and left mouth corner in fractions of the frame; right and
            left are the person's own.
        score: of the detection, 0 to 1.
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class FaceDetector:
    """CenterFace in onnxruntime. Safe to call from several threads.

    Args:
        folder: of ``centerface.onnx``.
        threads: of onnxruntime.
        min_height: of a face, in heights of the frame; smaller ones are left out.

    Raises:
        ModelError: the folder does not contain the model.
    """

    def __init__(self, folder: Path, threads: int = 1, min_height: float = 0.0) -> None:
        import onnxruntime

        self._min_height = min_height

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _with_free_input_size(folder / "centerface.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def detect(self, image: np.ndarray) -> list[Face]:
        """Return the faces in one (H, W, 3) uint8 RGB frame, the highest score first.

        Of a face that the left or right edge of the frame cuts in half, the box is what is inside, and the landmarks
        are those of the whole face.
        """
        found = self._detect_whole(image)
        cut = [*self._detect_at_edge(image), *(_mirrored(face) for face in self._detect_at_edge(image[:, ::-1]))]
        faces = [face for face in _without_doubles([*cut, *found]) if face.box[3] - face.box[1] >= self._min_height]
        return sorted(faces, key=lambda face: -face.score)

    def _detect_whole(self, image: np.ndarray) -> list[Face]:
        height, width = (max(32, round(side / 32) * 32) for side in image.shape[:2])
        if image.shape[:2] != (height, width):
            image = cv2.resize(image, (width, height))
        batch = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
        heat, scale, offset, marks = (out[0] for out in self._session.run(None, {"input.1": batch}))
        return _decode_faces(heat[0], scale, offset, marks, width, height)

    def _detect_at_edge(self, image: np.ndarray) -> list[Face]:
        """Return the faces that the left edge of a frame cuts in half: with their mirror image they are whole."""
        height, width = image.shape[:2]
        inside, mirrored = min(round(_EDGE_INSIDE * height), width), min(round(_EDGE_MIRRORED * height), width)
        if not (inside and mirrored):  # a picture of a few pixels
            return []
        scale = min(_EDGE_PX / height, 1.0)
        strip = cv2.resize(image[:, :inside], None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        beyond = min(round(mirrored * scale), strip.shape[1])
        strip = cv2.copyMakeBorder(strip, 0, 0, beyond, 0, cv2.BORDER_REFLECT)
        # From fractions of the strip to those of the frame.
        share = strip.shape[1] / scale / width
        first = beyond / scale / width
        cut = []
        for face in self._detect_whole(strip):
            box, landmarks = face.box.copy(), face.landmarks.copy()
            box[[0, 2]] = box[[0, 2]] * share - first
            landmarks[:, 0] = landmarks[:, 0] * share - first
            if box[0] < 0.0 and abs(box[0] + box[2]) < _CENTERED * (box[2] - box[0]):
                cut.append(Face(np.clip(box, 0.0, 1.0), landmarks, face.score))
        return cut


def _without_doubles(faces: list[Face]) -> list[Face]:
    """Return faces without those that overlap one before them: of half a face and a whole one, the whole one counts."""
    kept: list[Face] = []
    for face in faces:
        if not kept or iou(np.array([k.box for k in kept]), face.box[None]).max() < _SAME_FACE:
            kept.append(face)
    return kept


def _mirrored(face: Face) -> Face:
    """Return a face of the mirrored frame in the frame itself: its right eye there is the left one."""
    left, top, right, bottom = face.box
    landmarks = face.landmarks[[1, 0, 2, 4, 3]] * [-1.0, 1.0] + [1.0, 0.0]
    return Face(np.array([1.0 - right, top, 1.0 - left, bottom]), landmarks, face.score)


def _with_free_input_size(path: Path) -> bytes:
    """Return the model's bytes with variable height and width (the file fixes them at 32 x 32)."""
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelError(
            f"the face detector cannot be loaded ({error})", "Run `omnisense models pull centerface`.", path
        ) from error
    for value in (*model.graph.input, *model.graph.output):
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if axis != 1:
                dim.dim_param = f"{value.name}_{axis}"
    result: bytes = model.SerializeToString()
    return result


def _decode_faces(
    heat: np.ndarray, scale: np.ndarray, offset: np.ndarray, marks: np.ndarray, width: int, height: int
) -> list[Face]:
    rows, cols = np.nonzero(heat > _MIN_SCORE)
    if not len(rows):
        return []
    scores = heat[rows, cols]
    box_h, box_w = np.exp(scale[:, rows, cols]) * _STRIDE
    top = (rows + offset[0, rows, cols] + 0.5) * _STRIDE - box_h / 2
    left = (cols + offset[1, rows, cols] + 0.5) * _STRIDE - box_w / 2
    kept = cv2.dnn.NMSBoxes(np.stack([left, top, box_w, box_h], 1).tolist(), scores.tolist(), _MIN_SCORE, _MAX_OVERLAP)
    size = np.array([width, height], dtype=np.float64)
    faces = []
    for i in np.asarray(kept, dtype=int).ravel():
        points = marks[:, rows[i], cols[i]].reshape(5, 2)[:, ::-1]  # y before x in the model's output
        points = (points * [box_w[i], box_h[i]] + [left[i], top[i]]) / size
        corners = np.array([left[i], top[i], left[i] + box_w[i], top[i] + box_h[i]]) / np.tile(size, 2)
        faces.append(Face(np.clip(corners, 0.0, 1.0), points, float(scores[i])))
    return sorted(faces, key=lambda face: -face.score)
