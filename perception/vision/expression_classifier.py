"""Facial expression in single frames with mini-Xception, on the CPU.

Arriaga et al., "Real-time Convolutional Neural Networks for Emotion and Gender Classification", 2017, trained on
FER-2013.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np

from omnisense.errors import ModelError

_SHIFTS = (-0.12, 0.0, 0.12)  # of the crop up and down, in eye-to-mouth distances
_MAX_TURN = 0.35  # of the nose from the middle of the eyes, in eye distances; at about 40 degrees the model is lost
EXPRESSIONS = ("angry", "disgust", "fear", "happy", "sad", "surprise", "neutral")


class ExpressionClassifier:
    """mini-Xception on LiteRT. Not thread-safe: one per thread.

    Args:
        folder: of ``mini_xception.tflite``.

    Raises:
        ModelError: the folder does not contain the model.
    """

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
                f"the expression model cannot be loaded ({error})", "Run `omnisense models pull mini-xception`.", path
            ) from error
        self._interpreter.allocate_tensors()
        self._input = self._interpreter.get_input_details()[0]["index"]
        self._output = self._interpreter.get_output_details()[0]["index"]

    def classify(self, gray: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
        """Return the scores (7,) of one face, summing to 1, in the order of ``EXPRESSIONS``.

        They are means over the face and its mirror image, each shifted a little: single crops of one face differ. Of a
        head that is turned away all are equal, as nothing is known.

        Args:
            gray: (H, W) uint8 frame.
            landmarks: (5, 2) of the face, in fractions of the frame.
        """
        if _is_turned(gray, landmarks):
            return np.full(len(EXPRESSIONS), 1 / len(EXPRESSIONS))
        crops = [crop_face(gray, landmarks, at=0.55 + shift, width=2.8, height=2.8, size=(64, 64)) for shift in _SHIFTS]
        result: np.ndarray = np.mean([self._score(image) for crop in crops for image in (crop, crop[:, ::-1])], axis=0)
        return result

    def _score(self, crop: np.ndarray) -> np.ndarray:
        self._interpreter.set_tensor(self._input, (crop.astype(np.float32) / 127.5 - 1.0)[None, :, :, None])
        self._interpreter.invoke()
        scores = np.asarray(self._interpreter.get_tensor(self._output)[0], dtype=np.float64)
        result: np.ndarray = scores / max(scores.sum(), 1e-9)
        return result


def _is_turned(gray: np.ndarray, landmarks: np.ndarray) -> bool:
    right_eye, left_eye, nose = landmarks[:3] * [gray.shape[1], gray.shape[0]]
    across = left_eye - right_eye
    return bool(abs((nose - (right_eye + left_eye) / 2) @ across) > _MAX_TURN * max(float(across @ across), 1e-9))


def crop_face(
    gray: np.ndarray, landmarks: np.ndarray, at: float, width: float, height: float, size: tuple[int, int]
) -> np.ndarray:
    """Return a crop that is aligned with the face's landmarks: the line of the eyes is level in it.

    Args:
        gray: (H, W) uint8 frame.
        landmarks: (5, 2) of the face, in fractions of the frame.
        at: the crop's center, on the line from the eyes (0) to the mouth (1).
        width: of the crop, in eye-to-mouth distances. 0.55, 2.8 and 2.8 frame brow to chin as in FER-2013, the
            expression model's training data.
        height: likewise.
        size: width and height of the result in pixels.
    """
    points = landmarks * [gray.shape[1], gray.shape[0]]
    eyes, mouth = points[:2].mean(axis=0), points[3:].mean(axis=0)
    unit = max(float(np.linalg.norm(mouth - eyes)), 1.0)
    center = eyes + (mouth - eyes) * at
    across = (points[1] - points[0]) / max(float(np.linalg.norm(points[1] - points[0])), 1e-9)
    right, down = across * width * unit / 2, np.array([-across[1], across[0]]) * height * unit / 2
    corners = np.array([center - right - down, center + right - down, center - right + down], dtype=np.float32)
    target = np.array([[0, 0], [size[0], 0], [0, size[1]]], dtype=np.float32)
    warp = cv2.getAffineTransform(corners, target)
    return cv2.warpAffine(gray, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
