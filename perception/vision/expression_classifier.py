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

        Args:
            gray: (H, W) uint8 frame.
            landmarks: (5, 2) of the face, in fractions of the frame.
        """
        crop = crop_face(gray, landmarks, at=0.55, width=2.8, height=2.8, size=(64, 64))
        self._interpreter.set_tensor(self._input, (crop.astype(np.float32) / 127.5 - 1.0)[None, :, :, None])
        self._interpreter.invoke()
        scores = np.asarray(self._interpreter.get_tensor(self._output)[0], dtype=np.float64)
        result: np.ndarray = scores / max(scores.sum(), 1e-9)
        return result


def crop_face(
    gray: np.ndarray, landmarks: np.ndarray, at: float, width: float, height: float, size: tuple[int, int]
) -> np.ndarray:
    """Return a crop that is aligned with the face's landmarks.

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
    half = np.array([width, height]) * unit / 2
    (left, top), (right, bottom) = center - half, center + half
    corners = np.array([[left, top], [right, top], [left, bottom]], dtype=np.float32)
    target = np.array([[0, 0], [size[0], 0], [0, size[1]]], dtype=np.float32)
    warp = cv2.getAffineTransform(corners, target)
    return cv2.warpAffine(gray, warp, size, flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
