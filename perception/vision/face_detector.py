"""Face detection in single frames with CenterFace, on the CPU.

Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2020.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np

from omnisense.errors import ModelError

_STRIDE = 4  # of CenterFace's output grid, in pixels of the input
_MIN_SCORE = 0.5
_MAX_OVERLAP = 0.3


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
        """Return the faces in one (H, W, 3) uint8 RGB frame, the highest score first."""
        height, width = (max(32, round(side / 32) * 32) for side in image.shape[:2])
        if image.shape[:2] != (height, width):
            image = cv2.resize(image, (width, height))
        batch = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
        heat, scale, offset, marks = (out[0] for out in self._session.run(None, {"input.1": batch}))
        found = _decode_faces(heat[0], scale, offset, marks, width, height)
        return [face for face in found if face.box[3] - face.box[1] >= self._min_height]


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
