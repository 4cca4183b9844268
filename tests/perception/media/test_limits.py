"""Files that declare more than they hold or more than is read, and ordinary ones that change midway."""

import numpy as np
import pytest
from PIL import Image, TiffImagePlugin

from omnisense import InputError, MediaError, open_clip
from omnisense.perception.media.limits import MediaLimits
from tests.conftest import DEMO


def test_a_small_file_that_declares_hours_has_the_duration_of_its_content(make_media):
    path = make_media("a.wav", video_s=None, audio_s=1.0, rate=16_000, audio_codec="pcm_s16le")
    data = bytearray(path.read_bytes())
    at = data.index(b"data") + 4
    data[at : at + 4] = (36_000 * 32_000).to_bytes(4, "little")
    data[4:8] = (36_000 * 32_000 + at).to_bytes(4, "little")
    path.write_bytes(data)
    clip = open_clip(path)
    assert clip.duration_s == pytest.approx(1.0, abs=0.05)
    assert len(clip.audio()) == pytest.approx(16_000, abs=800)


def test_a_wild_time_stamp_does_not_make_a_clip_of_a_day(make_media):
    path = make_media("a.mkv", times=[0.0, 0.04, 0.08, 0.12, 90_000.0], audio_s=None)
    clip = open_clip(path)
    assert clip.duration_s < 61
    assert len(clip.frames(at_s=[0.0, 0.1]).times_s) == 2


@pytest.mark.filterwarnings("ignore:Image size")
@pytest.mark.parametrize("size", [(1, 500_000), (30_000, 2), (12_000, 9_000)])
def test_pictures_of_too_many_pixels_are_named(tmp_path, size):
    path = tmp_path / "a.png"
    Image.new("1", size).save(path)
    with pytest.raises(MediaError, match=f"{size[0]} x {size[1]} pixels"):
        open_clip(path)


def test_limits_are_settings_and_must_be_numbers_above_zero():
    with pytest.raises(MediaError, match="640 x 480"):
        open_clip(DEMO, MediaLimits(max_pixels=1000))
    with pytest.raises(InputError, match="decode_s"):
        MediaLimits(decode_s=0)


def test_an_orientation_that_is_text_is_no_orientation(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (40, 20)).save(tmp_path / "a.jpg", exif=exif)
    assert (open_clip(tmp_path / "a.jpg").width, open_clip(tmp_path / "a.jpg").height) == (20, 40)
    tags = TiffImagePlugin.ImageFileDirectory_v2()
    tags.tagtype[0x0112] = 2
    tags[0x0112] = "upside down"
    Image.new("RGB", (40, 20)).save(tmp_path / "b.tiff", tiffinfo=tags)
    clip = open_clip(tmp_path / "b.tiff")
    assert clip.frames().images.shape == (1, 20, 40, 3)


def test_all_orientations_are_turned_upright_as_pillow_does(tmp_path):
    from PIL import ImageOps

    picture = Image.fromarray(np.random.default_rng(0).integers(0, 255, (6, 9, 3), dtype=np.uint8))
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / f"{orientation}.png"
        picture.save(path, exif=exif)
        with Image.open(path) as stored:
            expected = np.asarray(ImageOps.exif_transpose(stored))
        assert np.array_equal(open_clip(path).frames().images[0], expected)


def test_joined_recordings_of_other_rates_and_layouts_keep_their_sound(make_media, tmp_path):
    kinds = [(44_100, "mono"), (22_050, "mono"), (44_100, "stereo")]
    joined = b""
    for i, (rate, layout) in enumerate(kinds):
        path = make_media(f"{i}.mp3", video_s=None, audio_s=2.0, rate=rate, layout=layout, audio_codec="libmp3lame")
        joined += path.read_bytes()
    (tmp_path / "joined.mp3").write_bytes(joined)
    samples = open_clip(tmp_path / "joined.mp3").audio()
    loud = [np.sqrt(np.mean(part**2)) for part in np.array_split(samples, 6)]
    assert len(samples) > 5 * 16_000
    assert min(loud) > 0.3 * max(loud)


def test_a_low_sample_rate_does_not_fill_memory(tmp_path, make_media):
    """20 kB at 1 Hz last for hours: their samples at 16 kHz would take gigabytes."""
    path = make_media("a.wav", video_s=None, audio_s=1.0, rate=16_000, audio_codec="pcm_s16le")
    data = bytearray(path.read_bytes())
    data[24:32] = (1).to_bytes(4, "little") + (2).to_bytes(4, "little")  # sample rate, bytes a second
    at = data.index(b"data")
    data[at + 8 :] *= 2
    data[at + 4 : at + 8] = (len(data) - at - 8).to_bytes(4, "little")
    path.write_bytes(data)
    clip = open_clip(path)
    assert clip.duration_s > 6 * 3600
    with pytest.raises(MediaError, match="at most 6 h are read at once"):
        clip.audio()
    assert len(clip[0.0:2.0].audio()) == 32_000


def test_pages_and_frames_of_pictures_are_not_counted(tmp_path, monkeypatch):
    """Pillow reads a TIFF's pages again for each page that it counts: a file of 6 MB took minutes."""
    from PIL import GifImagePlugin

    def count(self):
        assert self._n_frames is not None, "the pages are counted"
        return self._n_frames

    for plugin in (TiffImagePlugin.TiffImageFile, GifImagePlugin.GifImageFile):
        monkeypatch.setattr(plugin, "n_frames", property(count))
    pages = [Image.new("RGB", (32, 16), (80 * i, 0, 0)) for i in range(3)]
    for suffix in ("gif", "tiff", "png"):
        pages[0].save(tmp_path / f"one.{suffix}")
        assert open_clip(tmp_path / f"one.{suffix}").kind == "image"
        pages[0].save(tmp_path / f"all.{suffix}", save_all=True, append_images=pages[1:])
        clip = open_clip(tmp_path / f"all.{suffix}")
        assert clip.frames(at_s=[0.0]).images.shape == (1, 16, 32, 3)
        assert clip.kind == "video"
