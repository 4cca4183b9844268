"""The questions of the agent's benchmark: their clips are composed of what is read from the sources now."""

import csv

import numpy as np
import pytest

from omnisense.benchmarks.agent.tasks import load_samples
from omnisense.errors import InputError
from omnisense.perception.media.clip import open_clip
from omnisense.perception.media.decode import SAMPLE_RATE_HZ
from omnisense.perception.media.encode import write_clip
from omnisense.perception.media.sampling import Sampling

FRAMES, FLASH = 25, 10  # of a second of video


def write_head(path, frames_early=0):
    """Write a second of dark pictures in which one flashes while a tone begins."""
    images = np.zeros((FRAMES, 32, 32, 3), np.uint8)
    images[FLASH - frames_early] = 255
    samples = np.zeros(SAMPLE_RATE_HZ, np.float32)
    begins = FLASH * SAMPLE_RATE_HZ // FRAMES
    samples[begins:] = 0.5 * np.sin(np.arange(SAMPLE_RATE_HZ - begins))
    write_clip(path, images, samples, FRAMES)


@pytest.fixture
def data(tmp_path):
    folder = tmp_path / "data" / "grid"
    folder.mkdir(parents=True)
    with (folder / "transcripts.csv").open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(["file", "transcript"])
        for number in range(4):
            write_head(folder / f"head{number}.mp4")
            rows.writerow([f"head{number}.mp4", f"bin blue at a {number} now"])
    return folder.parent


def test_clips_keep_pictures_and_sound_together_and_are_used_again_only_while_the_sources_read_alike(data, tmp_path):
    samples = load_samples(data, tmp_path / "questions", 4)
    (first, *_) = [s for s in samples if s.task == "who talks" and "nobody" not in s.question.options[ord(s.gold) - 65]]
    clip = open_clip(first.media)
    images = clip.frames(Sampling(fps=FRAMES, max_pixels=None)).images
    assert int(images.reshape(FRAMES, -1).mean(axis=1).argmax()) == FLASH
    begins_s = float(np.argmax(np.abs(clip.audio()) > 0.2)) / SAMPLE_RATE_HZ
    assert begins_s == pytest.approx(FLASH / FRAMES, abs=0.08)  # AAC smears what begins suddenly

    assert [s.id for s in load_samples(data, tmp_path / "questions", 4)] == [s.id for s in samples]
    write_head(data / "grid" / "head1.mp4", frames_early=6)
    with pytest.raises(InputError, match="composed of other pictures or sounds") as caught:
        load_samples(data, tmp_path / "questions", 4)
    assert "questions" in str(caught.value)

    (tmp_path / "questions" / "composed_of.txt").unlink()  # nothing says what an earlier version composed them of
    with pytest.raises(InputError, match="composed of other pictures or sounds"):
        load_samples(data, tmp_path / "questions", 4)
