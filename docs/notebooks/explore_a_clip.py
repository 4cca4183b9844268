# ---
# jupyter:
#   jupytext:
#     text_representation: {extension: .py, format_name: percent}
# ---
# %% [markdown]
# # Explore a clip
#
# What perception finds in a clip, as tables and as a picture. Open this file in Jupyter with Jupytext, or run it.

# %%
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from omnisense import Sampling, open_clip, perceive

clip = open_clip("clip.mp4")
percepts = perceive(clip)
print(f"{clip.duration_s:.1f} s, {clip.width}x{clip.height} at {clip.frame_rate:.0f} frames a second")
print("missing:", percepts.missing() or "nothing")

# %% [markdown]
# ## The timeline
# Each event has an id, by which replies cite it.

# %%
for event in percepts.timeline().events:
    print(f"{event.id:>4} {event.start_s:6.1f} {event.end_s:6.1f}  {event.channel:<8} {event.text}")

# %% [markdown]
# ## Expression over time

# %%
figure, axes = plt.subplots(2, 1, figsize=(9, 5), sharex=True)
for face in percepts.visual.faces:
    scores = np.array(face.expression)
    times_s = face.times_s[: len(scores)]
    for k, label in enumerate(percepts.visual.expression_labels):
        axes[0].plot(times_s, scores[:, k], label=f"{face.id} {label}")
axes[0].set_ylabel("expression score")
axes[0].legend(fontsize=6, ncols=4)

# %% [markdown]
# ## The voice, second by second

# %%
pitch = [np.nan if second.f0_hz is None else second.f0_hz for second in percepts.audio.seconds]
axes[1].plot(np.arange(len(pitch)) + 0.5, pitch, "o-")
axes[1].set_ylabel("F0 in Hz")
axes[1].set_xlabel("s")
figure.savefig("clip.png")

# %% [markdown]
# ## The frames where something happens

# %%
moments = Sampling.moments(percepts, 4)
frames = clip.frames(moments)
print("frames at", [round(float(t), 1) for t in frames.times_s], frames.images.shape)
assert Path("clip.png").is_file()
