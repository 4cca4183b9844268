"""Limits of what a media file may ask for: a small file can declare ten hours, or a picture of gigabytes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from omnisense.errors import InputError, MediaError


@dataclass(frozen=True)
class MediaLimits:
    """Limits of clips. A file beyond one is a MediaError that names the limit.

    Attributes:
        max_duration_s: of a clip, or of the window of one, that is perceived or whose audio is read.
        max_pixels: of a picture or of a video's frames.
        max_side_px: of their longer side.
        decode_s: seconds that decoding may take beyond the duration of what is decoded; in a worker process only.
        memory_mb: megabytes that decoding may take; in a worker process only.

    Raises:
        InputError: a limit is not above 0.
    """

    max_duration_s: float = 6 * 3600.0
    max_pixels: int = 100_000_000
    max_side_px: int = 20_000
    decode_s: float = 60.0
    memory_mb: float = 2000.0

    def __post_init__(self) -> None:
        for name, value in vars(self).items():
            if not value > 0:
                raise InputError(f"{name} is {value}", "Give a number above 0.")

    def check_picture(self, width: int, height: int, path: Path) -> None:
        """Raise MediaError for a picture, or a video's frames, of too many pixels."""
        if width * height > self.max_pixels or max(width, height) > self.max_side_px:
            raise MediaError(
                f"its picture has {width} x {height} pixels; at most {self.max_pixels / 1e6:g} million are read, "
                f"{self.max_side_px} on a side",
                "Give a smaller one, or raise the limit (MediaLimits).",
                path,
            )

    def check_duration(self, duration_s: float, path: Path) -> None:
        """Raise MediaError for a clip that is too long."""
        if duration_s > self.max_duration_s:
            raise MediaError(
                f"it lasts {duration_s / 3600:.1f} h; at most {self.max_duration_s / 3600:g} h are read at once",
                "Give a window of it (clip[0:3600]), or raise the limit (MediaLimits).",
                path,
            )
