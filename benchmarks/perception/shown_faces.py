"""Expression of faces that show one: how often it is named, named wrong, or not named at all.

The truth was read by eye, before anything was measured: eight people in two pictures and four clips, of whom one cries.
All faces of a clip are of one person, so that these are fewer findings than faces.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from omnisense.benchmarks.perception.neutral_faces import called
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.sampling import Sampling
from omnisense.perception.pipeline import Perception
from omnisense.perception.vision.expressions import NEGATIVE

_FPS = 2.0
_PICTURES = {  # the faces from left to right
    "multi_face.jpg": ("happy", "happy", "neutral", "happy", "happy"),
    "single_face.jpg": ("happy",),
}
_CLIPS = {  # start and end in seconds; what lies between is neither
    "WolfgangLanger_Pexels.mp4": ((0.0, 6.0, "sad"), (10.5, 19.6, "happy")),
    "single_face.mp4": ((0.0, 0.6, "neutral"), (1.0, 2.5, "happy")),
    "face_noface.mov": ((0.0, 0.3, "neutral"), (0.9, 2.5, "happy")),
    "noface_face.mov": ((3.9, 5.2, "happy"), (5.7, 7.0, "neutral")),
}


def shown_faces(folder: Path, perception: Perception) -> dict[str, Any]:
    """Return, by expression, how many faces are named right, wrong, and not at all.

    Args:
        folder: of the pictures and clips.
        perception: whose face detector and expression model are used.
    """
    models = perception.registry.vision_models()
    found: list[tuple[str, str]] = []
    with perception.registry.vision_lock:
        for name, labels in _PICTURES.items():
            image = open_clip(folder / name).frames().images[0]
            faces = sorted(called(models, image), key=lambda face: face[0])
            if len(faces) == len(labels):  # else it is not known which is which
                found += [(label, said) for label, (_, said) in zip(labels, faces, strict=True)]
        for name, spans in _CLIPS.items():
            for start_s, end_s, label in spans:
                frames = open_clip(folder / name)[start_s:end_s].frames(Sampling(fps=_FPS, max_pixels=None))
                found += [(label, said) for image in frames.images for _, said in called(models, image)]
    return {
        label: _count([said for true, said in found if true == label], label) for label in ("happy", "sad", "neutral")
    }


def _count(said: list[str], label: str) -> dict[str, int]:
    return {
        "faces": len(said),
        "right": said.count(label),
        "nothing said": said.count(""),
        "called another": int(np.sum([s not in (label, "") for s in said])),
        "of these negative": int(np.sum([s != label and s in NEGATIVE for s in said])),
    }
