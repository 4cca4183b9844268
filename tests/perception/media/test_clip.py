"""Decoding: every frame asked for is the frame on screen at that time, whatever the container."""

import numpy as np
import pytest

from omnisense import MediaError, open_clip
from omnisense.perception.media.clip import decode as decoding
from omnisense.perception.media.sampling import Sampling
from tests.conftest import DEMO, frame_numbers, moving_square, tone


def pyav_frames(clip, sampling=None, at_s=None):
    plan = (sampling or Sampling()).plan(clip.duration_s, clip.frame_rate, clip.frame_count, clip.width, clip.height)
    if at_s is not None:
        plan = plan._replace(times_s=np.array(at_s))
    return decoding.concatenate(list(decoding._pyav_batches(clip, plan, 16, "")))


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("h264.mp4", {}),
        ("hevc.mp4", {"video_codec": "libx265", "options": {"x265-params": "log-level=none"}}),
        ("av1.mp4", {"video_codec": "libsvtav1"}),
        ("vp9.webm", {"video_codec": "libvpx-vp9", "audio_codec": "libopus", "rate": 48_000}),
        ("ffv1.mkv", {"video_codec": "ffv1"}),
        ("mpeg4.mp4", {"video_codec": "mpeg4", "audio_codec": "libmp3lame"}),
        ("h264.mkv", {"audio_codec": "flac"}),
    ],
)
def test_frames_are_those_on_screen(make_media, name, settings):
    clip = open_clip(make_media(name, **settings))
    assert (clip.kind, clip.has_video, clip.has_audio) == ("video", True, True)
    frames = clip.frames(at_s=[0.0, 0.42, 0.99, 1.5])
    assert frame_numbers(frames.images) == [0, 10, 24, 37]
    assert frame_numbers(pyav_frames(clip, at_s=[0.0, 0.42, 0.99, 1.5]).images) == [0, 10, 24, 37]
    assert frames.decoder == "decord"
    assert np.abs(frames.times_s - [0.0, 0.4, 0.96, 1.48]).max() < 0.005


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("mpeg1.mpg", {"video_codec": "mpeg1video", "audio_codec": "mp2"}),
        ("h264.ts", {"options": {"g": "12"}}),
    ],
)
def test_pyav_reads_mpeg_streams(make_media, name, settings):
    """Decord's index of program streams is nonsense, and it loses the first frames of both kinds."""
    frames = open_clip(make_media(name, **settings)).frames(at_s=[0.03, 0.43, 1.0])
    assert frame_numbers(frames.images) == [0, 10, 24]
    assert (frames.decoder, frames.note) == ("pyav", "")


def test_decord_and_pyav_agree(make_media):
    clip = open_clip(make_media("a.mp4"))
    one, other = clip.frames(Sampling(fps=7)), pyav_frames(clip, Sampling(fps=7))
    assert frame_numbers(one.images) == frame_numbers(other.images)
    assert np.allclose(one.times_s, other.times_s, atol=1e-3)


def test_variable_frame_rate(make_media):
    stamps = [0.0, 0.04, 0.08, 0.5, 0.6, 1.4, 1.9]
    clip = open_clip(make_media("vfr.mp4", times=stamps, video_s=2.0, audio_s=None))
    for frames in (
        clip.frames(at_s=[0.05, 0.45, 0.55, 1.3, 1.9]),
        pyav_frames(clip, at_s=[0.05, 0.45, 0.55, 1.3, 1.9]),
    ):
        assert frame_numbers(frames.images) == [1, 2, 3, 4, 6]
        assert np.allclose(frames.times_s, [0.04, 0.08, 0.5, 0.6, 1.9], atol=2e-3)


@pytest.mark.parametrize("degrees", [90, 180, 270])
def test_rotated_phone_video_stands_upright(make_media, degrees):
    plain = open_clip(make_media("plain.mp4", audio_s=None)).frames(at_s=[0.2]).images[0]
    clip = open_clip(make_media("turned.mp4", audio_s=None, rotation=degrees))
    assert (clip.width, clip.height) == ((120, 160) if degrees != 180 else (160, 120))
    turned = np.rot90(plain, k=-clip.rotation_deg // 90)
    for frames in (clip.frames(at_s=[0.2]), pyav_frames(clip, at_s=[0.2])):
        assert frames.images.shape[1:3] == (clip.height, clip.width)
        assert np.abs(frames.images[0].astype(int) - turned).mean() < 4


def test_rotation_is_what_a_player_shows(make_media):
    """ffmpeg's display matrix of 90 means: turn anticlockwise by 90 for display."""
    clip = open_clip(make_media("turned.mp4", audio_s=None, rotation=90))
    image = clip.frames(at_s=[0.2]).images[0].astype(int)
    plain = open_clip(make_media("plain.mp4", audio_s=None)).frames(at_s=[0.2]).images[0]
    anticlockwise, clockwise = np.rot90(plain), np.rot90(plain, -1)
    assert np.abs(image - anticlockwise).mean() < 4 < np.abs(image - clockwise).mean()


def test_frames_shrink_to_the_cap_and_keep_their_shape(make_media):
    frames = open_clip(make_media("a.mp4", size=(640, 360))).frames(Sampling(max_pixels=100 * 56))
    assert frames.images.shape[1:] == (56, 98, 3)


def test_batches_cover_the_sampling_once(make_media):
    clip = open_clip(make_media("a.mp4"))
    batches = list(clip.iter_frames(Sampling(fps=10), batch_size=3))
    assert [len(b.times_s) for b in batches] == [3, 3, 3, 3, 3, 3, 2]
    whole = clip.frames(Sampling(fps=10))
    assert np.array_equal(np.concatenate([b.images for b in batches]), whole.images)


def test_a_frame_asked_for_twice_comes_once(make_media):
    clip = open_clip(make_media("a.mp4", video_s=0.4, fps=5, audio_s=None))
    assert frame_numbers(clip.frames(Sampling(fps=50)).images) == [0, 1]


def test_window(make_media):
    clip = open_clip(make_media("a.mp4", video_s=4.0, audio_s=4.0))
    window = clip[1.0:3.0]
    assert window.duration_s == 2.0
    for frames in (window.frames(at_s=[0.0, 1.5]), pyav_frames(window, at_s=[0.0, 1.5])):
        assert frame_numbers(frames.images) == [25, 62]
        assert np.allclose(frames.times_s, [0.0, 1.48], atol=0.005)
    assert frame_numbers(window[0.5:1.0].frames(at_s=[0.0]).images) == [37]
    whole, part = clip.audio(), window.audio()
    assert len(part) == 32_000
    assert np.abs(whole[16_000:48_000] - part).max() < 1e-3


@pytest.mark.parametrize("window", [(3, 2), (-1, 2), (5, 6)])
def test_impossible_windows_are_refused(make_media, window):
    with pytest.raises(MediaError, match="lies outside"):
        open_clip(make_media("a.mp4"))[slice(*window)]


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("eight_bit.wav", {"audio_codec": "pcm_u8", "rate": 8_000}),
        ("six_channels.wav", {"audio_codec": "pcm_s16le", "layout": "5.1", "rate": 48_000}),
        ("six_channels.ac3", {"audio_codec": "ac3", "layout": "5.1", "rate": 48_000}),
        ("stereo.flac", {"audio_codec": "flac", "layout": "stereo"}),
        ("a.mp3", {"audio_codec": "libmp3lame"}),
        ("a.opus", {"audio_codec": "libopus", "rate": 48_000}),
        ("a.m4a", {"container_format": "mp4"}),
    ],
)
def test_sound_is_mono_16_khz(make_media, name, settings):
    clip = open_clip(make_media(name, video_s=None, **settings))
    assert (clip.kind, clip.has_video) == ("audio", False)
    sound = clip.audio()
    assert sound.dtype == np.float32
    assert abs(len(sound) - 32_000) < 2_400
    spectrum = np.abs(np.fft.rfft(sound[4000:28_000]))
    assert np.fft.rfftfreq(24_000, 1 / 16_000)[spectrum.argmax()] == pytest.approx(220, abs=2)


def test_sound_keeps_its_place_when_its_track_starts_late(tmp_path):
    import av

    path = tmp_path / "late.mkv"
    with av.open(str(path), "w") as out:
        video = out.add_stream("libx264", rate=25)
        video.width, video.height, video.pix_fmt = 160, 120, "yuv420p"
        audio = out.add_stream("pcm_s16le", rate=16_000)
        audio.layout = "mono"
        for i in range(75):
            frame = av.VideoFrame.from_ndarray(moving_square(i, 160, 120), format="rgb24")
            frame.pts = i
            out.mux(video.encode(frame))
        out.mux(video.encode())
        sound = av.AudioFrame.from_ndarray((tone(1.0) * 32767).astype(np.int16)[None], format="s16", layout="mono")
        sound.rate, sound.pts = 16_000, 24_000
        out.mux(audio.encode(sound))
    samples = open_clip(path).audio()
    assert np.abs(samples[:23_800]).max() == 0
    assert np.abs(samples[24_200:]).max() > 0.1


def test_images(tmp_path):
    from PIL import Image

    Image.new("RGB", (300, 200), (200, 10, 10)).save(tmp_path / "a.png")
    turned = Image.new("RGB", (300, 200))
    exif = turned.getexif()
    exif[0x0112] = 6
    turned.save(tmp_path / "b.jpg", exif=exif)
    clip = open_clip(tmp_path / "a.png")
    assert (clip.kind, clip.duration_s, clip.has_audio) == ("image", 0.0, False)
    frames = clip.frames()
    assert frames.images.shape == (1, 200, 300, 3)
    assert frames.images[0, 0, 0].tolist() == [200, 10, 10]
    assert open_clip(tmp_path / "b.jpg").frames().images.shape == (1, 300, 200, 3)


def test_an_animation_is_a_video(tmp_path):
    from PIL import Image

    pictures = [Image.new("RGB", (64, 48), (40 * i, 0, 0)) for i in range(5)]
    pictures[0].save(tmp_path / "a.gif", save_all=True, append_images=pictures[1:], duration=100)
    clip = open_clip(tmp_path / "a.gif")
    assert clip.kind == "video"
    assert len(clip.frames(Sampling(fps=10)).times_s) == 5


def test_flipped_bytes_fall_back_to_pyav_and_say_so(make_media):
    """decord gives up where PyAV decodes on; the frames that can be had come, and the note names the reason."""
    path = make_media("a.mp4", video_s=8.0, size=(320, 240), audio_s=None, options={"g": "12"})
    raw = bytearray(path.read_bytes())
    rng = np.random.default_rng(0)
    found = False
    for _ in range(40):
        broken = bytearray(raw)
        middle = rng.integers(len(raw) // 4, len(raw) * 3 // 4)
        broken[middle : middle + 400] = rng.bytes(400)
        path.write_bytes(broken)
        frames = open_clip(path).frames(Sampling(fps=4))
        assert len(frames.times_s) >= 10
        assert np.all(np.diff(frames.times_s) > 0)
        if "pyav" in frames.decoder:
            assert frames.note.startswith("decord: ")
            found = True
    assert found, "decord took all the damaged files"


@pytest.mark.subprocess
@pytest.mark.parametrize("spoil", [lambda path: path.write_bytes(b"spoilt"), lambda path: path.unlink()])
def test_a_file_that_breaks_after_it_was_opened_is_named(tmp_path, spoil):
    path = tmp_path / "clip.mp4"
    path.write_bytes(DEMO.read_bytes())
    clip = open_clip(path)
    spoil(path)
    for read in (clip.frames, clip.audio):
        with pytest.raises(MediaError, match=r"clip\.mp4"):
            read()


def test_decord_does_not_bring_libnvblas_along():
    """decord2 loads all CUDA libraries globally unless kept from it; torch then crashes in its first product."""
    import subprocess
    import sys

    code = (
        "from omnisense import open_clip; import sys\n"
        f"open_clip({str(DEMO)!r}).frames()\n"
        "import torch; print(float((torch.ones(64, 64) @ torch.ones(64, 64)).sum()))\n"
        "print('nvblas' in open('/proc/self/maps').read())"
    )
    if sys.platform != "linux":
        pytest.skip("reads /proc")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.split() == ["262144.0", "False"], done.stderr[-500:]


@pytest.mark.shared
def test_the_fallback_sees_what_decord_sees_on_real_clips(shared):
    clips = [*(shared / "faces").glob("*.m*"), *(shared / "pedestrians").glob("*.avi"), shared / "grid" / "bbaf2n.mpg"]
    for path in clips:
        clip = open_clip(path)
        one, other = clip.frames(Sampling(fps=1)), pyav_frames(clip, Sampling(fps=1))
        assert np.allclose(one.times_s, other.times_s, atol=5e-3), path.name
        assert np.abs(one.images.astype(int) - other.images).mean() < 1.5, path.name


@pytest.mark.parametrize("name", ["song.mp3", "song.m4a", "film.mp4"])
def test_a_cover_picture_is_no_video(tmp_path, name):
    import av

    path, is_film = tmp_path / name, name == "film.mp4"
    with av.open(str(path), "w", format="mp3" if name == "song.mp3" else "mp4") as out:
        video = out.add_stream("libx264", rate=25, width=160, height=120, pix_fmt="yuv420p") if is_film else None
        sound = out.add_stream("mp3" if name == "song.mp3" else "aac", rate=44_100, layout="mono")
        cover = out.add_stream("mjpeg", width=160, height=120, pix_fmt="yuvj420p")
        cover.disposition = av.stream.Disposition.attached_pic
        picture = av.VideoFrame.from_ndarray(moving_square(0, 160, 120), format="rgb24")
        cover_frame = picture.reformat(format="yuvj420p")
        cover_frame.pts = 0
        out.mux([*cover.encode(cover_frame), *cover.encode()])
        if video is not None:
            for i in range(50):
                out.mux(video.encode(av.VideoFrame.from_ndarray(moving_square(i, 160, 120), format="rgb24")))
            out.mux(video.encode())
        samples = tone(2.0, rate=44_100)
        for at in range(0, len(samples), 1024):
            frame = av.AudioFrame.from_ndarray(samples[None, at : at + 1024], format="fltp", layout="mono")
            frame.rate, frame.pts = 44_100, at
            out.mux(sound.encode(frame))
        out.mux(sound.encode())
    clip = open_clip(path)
    assert (clip.kind, clip.has_video, clip.has_audio) == ("video" if is_film else "audio", is_film, True)
    assert len(clip.audio()) == pytest.approx(32_000, abs=1_000)
    if is_film:
        assert frame_numbers(pyav_frames(clip, at_s=[0.42]).images) == [10]
