"""An extractor of your own: where the picture gets darker or brighter, on the timeline beside everything else.

python examples/own_extractor.py CLIP
"""

import sys
from collections.abc import Iterator

from omnisense import ChannelEvent, Clip, Perception, Sampling


class Brightness:
    """Reports changes of the mean brightness by more than a fifth."""

    name, version = "brightness", "1"  # of the channel; a new version makes cached percepts stale

    def extract(self, clip: Clip) -> Iterator[ChannelEvent]:
        """Yield an event where the picture gets darker or brighter."""
        before = None
        for frames in clip.iter_frames(Sampling(fps=2, max_pixels=64 * 36)):
            for time_s, now in zip(frames.times_s, frames.images.mean(axis=(1, 2, 3)) / 255, strict=True):
                if before is not None and abs(now - before) > 0.2:
                    how = "brighter" if now > before else "darker"
                    yield ChannelEvent(float(time_s), float(time_s), f"the picture gets {how} ({now:.2f})", weight=0.6)
                before = now


if __name__ == "__main__":
    print(Perception(extractors=[Brightness()]).perceive(sys.argv[1]).render())
