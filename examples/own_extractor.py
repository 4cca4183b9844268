"""An extractor of your own: where the picture gets darker or brighter, on the timeline beside everything else."""

import numpy as np

from omnisense import ChannelEvent, Perception, Sampling
from omnisense.perception.media.encode import write_clip
from omnisense.perception.settings import PerceptionSettings


class Brightness:
    name, version = "brightness", "1"  # of the channel; a new version makes cached percepts stale

    def extract(self, clip):
        before = None
        for frames in clip.iter_frames(Sampling(fps=2, max_pixels=64 * 36)):
            for time_s, now in zip(frames.times_s, frames.images.mean(axis=(1, 2, 3)) / 255, strict=True):
                if before is not None and abs(now - before) > 0.2:
                    how = "brighter" if now > before else "darker"
                    yield ChannelEvent(float(time_s), float(time_s), f"the picture gets {how} ({now:.2f})", weight=0.6)
                before = now


write_clip("dusk.mp4", [np.full((48, 64, 3), 200 if i < 30 else 30, np.uint8) for i in range(60)], None, frame_rate=10)
percepts = Perception(PerceptionSettings(streams=("audio",)), extractors=[Brightness()]).perceive("dusk.mp4")
print(percepts.render())
