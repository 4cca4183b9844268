"""Contact sheets: the frames that a model saw as one small image, for reports."""

from __future__ import annotations

import io

import numpy as np

from omnisense.reasoning.policies.messages import MediaUsage

_MAX_FRAMES, _FRAME_HEIGHT = 8, 96
_IMAGE_HEIGHT = 360  # of a single image: boxes are drawn over it


def contact_sheet(usage: MediaUsage) -> bytes | None:
    """Return up to eight of the frames that the model saw, side by side, as a JPEG; a single image is larger.

    None where it saw no frames.
    """
    from PIL import Image

    frames = [frame for block in usage.images for frame in block]
    if not frames:
        return None
    picked = [frames[i] for i in np.unique(np.linspace(0, len(frames) - 1, _MAX_FRAMES).round().astype(int))]
    small = [Image.fromarray(frame) for frame in picked]
    height = _FRAME_HEIGHT if len(frames) > 1 else min(_IMAGE_HEIGHT, small[0].height)
    small = [im.resize((max(1, im.width * height // im.height), height)) for im in small]
    sheet = Image.new("RGB", (sum(im.width for im in small), height))
    x = 0
    for im in small:
        sheet.paste(im, (x, 0))
        x += im.width
    buffer = io.BytesIO()
    sheet.save(buffer, "JPEG", quality=80)
    return buffer.getvalue()
