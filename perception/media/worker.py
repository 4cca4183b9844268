"""The process that decodes media for another one (``isolation``): it reads requests and writes arrays, never objects.

A request is a line of JSON on standard input. An answer is a number of messages on standard output, each a JSON header
after its length, then the bytes of its arrays; the last has ``end`` or ``error``. Whoever reads them executes nothing
of what a decoder that was taken over may write.
"""

from __future__ import annotations

import json
import os
import struct
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from omnisense.errors import MediaError, OmniSenseError
from omnisense.perception.media import decode
from omnisense.perception.media.clip import Clip, open_clip
from omnisense.perception.media.limits import MediaLimits
from omnisense.perception.media.sampling import FramePlan

HEADER = struct.Struct(">I")


def clip_fields(clip: Clip) -> dict[str, Any]:
    """Return a clip's fields but its path, as JSON-ready values."""
    names = [f.name for f in fields(Clip) if f.name != "path" and not f.name.startswith("_")]
    return {name: getattr(clip, name) for name in names}


def write_message(out: BinaryIO, values: dict[str, Any], arrays: tuple[np.ndarray, ...] = ()) -> None:
    """Write a message: a header with the arrays' types and shapes, then their bytes."""
    shapes = [{"dtype": str(array.dtype), "shape": array.shape} for array in arrays]
    header = json.dumps({**values, "arrays": shapes}).encode()
    out.write(HEADER.pack(len(header)) + header)
    for array in arrays:
        out.write(np.ascontiguousarray(array).data)
    out.flush()


def _answer(request: dict[str, Any]) -> Iterator[tuple[dict[str, Any], tuple[np.ndarray, ...]]]:
    path = Path(request["path"])
    if request["do"] == "open":
        yield {"clip": clip_fields(open_clip(path, MediaLimits(**request["limits"])))}, ()
        return
    clip = Clip(path=path, **request["clip"])
    if request["do"] == "audio":
        yield {}, (decode.read_audio(clip),)
        return
    plan = FramePlan(np.asarray(request["times_s"], dtype=float), request["width"], request["height"])
    for frames in clip.read_frames(plan, request["batch_size"], request["in_order"]):
        yield {"decoder": frames.decoder, "note": frames.note}, (frames.times_s, frames.images)


def _restrict() -> None:
    """Let this process write no file and leave no memory image, where the system can do that."""
    try:
        import resource
    except ImportError:  # Windows
        return
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def main() -> None:
    """Answer requests until standard input ends."""
    out = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints is no message
    _restrict()
    for line in sys.stdin:
        try:
            for values, arrays in _answer(json.loads(line)):
                write_message(out, values, arrays)
            write_message(out, {"end": True})
        except BrokenPipeError:
            return
        except OmniSenseError as error:
            write_message(out, {"error": [error.problem, error.remedy]})
        except Exception as error:  # whatever a decoder raises is the file's fault here
            failed = MediaError(f"decoding failed ({type(error).__name__}: {error})", decode.REMEDY)
            write_message(out, {"error": [failed.problem, failed.remedy]})


if __name__ == "__main__":
    main()
