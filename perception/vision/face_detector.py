"""Faces in single frames: CenterFace detection and mini-Xception expression, both on the CPU.

CenterFace: Xu et al., "CenterFace: Joint Face Detection and Alignment Using Face as Point", 2020.
mini-Xception: Arriaga et al., "Real-time Convolutional Neural Networks for Emotion and Gender
Classification", 2017, trained on FER-2013.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np

from omnisense.errors import ModelError

EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")
_STRIDE = 4  # CenterFace predicts on a grid of a quarter of the input's side
_MIN_SCORE = 0.5
_MAX_OVERLAP = 0.3


class Face(NamedTuple):
    """A face: box (4,) as x1, y1, x2, y2 and landmarks (5, 2), fractions of the frame; score 0 to 1.

    Landmarks: right eye, left eye, nose, right and left mouth corner, right and left as the person's own.
    """

    box: np.ndarray
    landmarks: np.ndarray
    score: float


class FaceDetector:
    """CenterFace in onnxruntime. Safe to call from several threads."""

    def __init__(self, folder: Path, threads: int = 1) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        self._session = onnxruntime.InferenceSession(
            _with_free_input_size(folder / "centerface.onnx"), options, providers=["CPUExecutionProvider"]
        )

    def detect(self, image: np.ndarray) -> list[Face]:
        """Faces in one (H, W, 3) uint8 RGB frame, the surest first."""
        height, width = (max(32, round(side / 32) * 32) for side in image.shape[:2])
        if image.shape[:2] != (height, width):
            image = cv2.resize(image, (width, height))
        batch = np.ascontiguousarray(image.transpose(2, 0, 1)[None], dtype=np.float32)
        heat, scale, offset, marks = (out[0] for out in self._session.run(None, {"input.1": batch}))
        return _decode_faces(heat[0], scale, offset, marks, width, height)


def _with_free_input_size(path: Path) -> bytes:
    """The model's bytes with height and width left open (the file fixes them at 32 x 32)."""
    import onnx

    try:
        model = onnx.load(str(path))
    except Exception as error:
        raise ModelError(
            f"the face detector cannot be read ({error})", "Run `omnisense models pull centerface`.", path
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


class ExpressionReader:
    """mini-Xception on LiteRT. Not thread-safe: one interpreter per thread."""

    def __init__(self, folder: Path) -> None:
        from ai_edge_litert.interpreter import Interpreter, OpResolverType

        path = folder / "mini_xception.tflite"
        try:
            # Without the XNNPACK delegate, which announces itself on standard error; the network takes under 1 ms.
            self._interpreter: Any = Interpreter(
                model_path=str(path),
                num_threads=1,
                experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            )
        except ValueError as error:
            raise ModelError(
                f"the expression model cannot be read ({error})", "Run `omnisense models pull mini-xception`.", path
            ) from error
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def read(self, grey: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Scores (7,), summing to 1, in the order of ``EXPRESSIONS`` for one face of a (H, W) grey frame."""
        patch = face_patch(grey, landmarks, at=0.55, width=2.8, height=2.8, size=(64, 64))
        self._interpreter.set_tensor(self._input, (patch.astype(np.float32) / 127.5 - 1.0)[None, :, :, None])
        self._interpreter.invoke()
        scores = np.asarray(self._interpreter.get_tensor(self._output)[0], dtype=np.float64)
        result: np.ndarray = scores / max(scores.sum(), 1e-9)
        return result


def face_patch(
    grey: np.ndarray, landmarks: np.ndarray, at: float, width: float, height: float, size: tuple[int, int]
) -> np.ndarray:
    """A patch of the face that moves with it, resampled to ``size`` (width, height).

    Its centre lies on the line from the eyes (``at`` = 0) to the mouth (1); ``width`` and ``height`` are in
    eye-to-mouth distances. (0.55, 2.8, 2.8) frames brow to chin as FER-2013, the expression model's data, does.
    """
    points = landmarks * [grey.shape[1], grey.shape[0]]
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    unit = max(float(np.linalg.norm(mouth - eyes)), 1.0)
    centre = eyes + (mouth - eyes) * at
    half = np.array([width, height]) * unit / 2
    (left, top), (right, bottom) = centre - half, centre + half
    corners = np.array([[left, top], [right, top], [left, bottom]], dtype=np.float32)
    target = np.array([[0, 0], [size[0], 0], [0, size[1]]], dtype=np.float32)
    warp = cv2.getAffineTransform(corners, target)
    return cv2.warpAffine(grey, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
