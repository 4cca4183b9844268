"""Bad input: a clear one-line error with the remedy, or a result that names the missing stream. Never a hang."""

import os
from pathlib import Path

import numpy as np
import pytest

from omnisense import MediaError, open_clip
from omnisense.perception.types import Missing
from tests.conftest import DEMO, frame_numbers


def broken_file(kind: str, folder):
    path = folder / ("x" * 5000 if kind == "endless name" else "clip.mp4")
    good = DEMO.read_bytes()
    rng = np.random.default_rng(1)
    if kind == "empty":
        path.write_bytes(b"")
    elif kind == "truncated":
        path.write_bytes(good[: len(good) // 3])
    elif kind == "random bytes":
        path.write_bytes(rng.bytes(50_000))
    elif kind == "text":
        path.write_text("This is not a video, it is a text file.\n" * 200)
    elif kind == "playlist":
        path.write_text("#EXTM3U\n#EXTINF:1,\nfile:///etc/hostname\n")
    elif kind == "directory":
        path.mkdir()
    elif kind == "subtitles":
        path.write_text("1\n00:00:00,000 --> 00:00:02,000\nHello\n\n")
    return path


@pytest.mark.parametrize(
    "kind",
    ["missing", "endless name", "empty", "truncated", "random bytes", "text", "playlist", "directory", "subtitles"],
)
def test_unreadable_files_end_with_a_remedy(kind, tmp_path, run_cli):
    path = broken_file(kind, tmp_path)
    with pytest.raises(MediaError) as caught:
        open_clip(path)
    assert caught.value.problem
    assert caught.value.remedy
    for command in ("perceive", "respond"):
        code, out, err = run_cli(command, path)
        assert (code, out) == (2, "")
        assert err.startswith(f"omnisense: {path}: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err


@pytest.mark.parametrize("seed", range(12))
def test_flipped_bytes_give_a_result_or_an_error(seed, tmp_path, perception, short_demo):
    rng = np.random.default_rng(seed)
    data = bytearray(short_demo.read_bytes())
    for position in rng.integers(0, len(data), size=int(rng.choice([5, 50, 500]))):
        data[position] = rng.integers(256)
    path = tmp_path / "flipped.mp4"
    path.write_bytes(data)
    try:
        percepts = perception.perceive(path)
    except MediaError as error:
        assert error.remedy
        return
    for stream in (percepts.visual, percepts.audio, percepts.transcript):
        assert not isinstance(stream, Missing) or stream.reason


def test_audio_of_zero_length(tmp_path):
    import wave

    path = tmp_path / "silent.wav"
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
    with pytest.raises(MediaError, match="no content"):
        open_clip(path)


def test_an_empty_audio_track_beside_video_is_a_missing_stream(make_media, perception):
    percepts = perception.perceive(make_media("a.mkv", audio_s=0, audio_codec="pcm_s16le"))
    assert len(percepts.visual.times_s) == 4
    assert "audio" in percepts.missing()


@pytest.mark.models
def test_one_pixel(make_media, perception):
    percepts = perception.perceive(
        make_media("dot.mkv", size=(1, 1), video_codec="ffv1", pixel_format="bgr0", audio_s=None)
    )
    assert percepts.visual.faces == ()
    assert percepts.missing() == {"audio": "the file has no audio track", "transcript": "the file has no audio track"}


@pytest.mark.models
def test_a_tenth_of_a_second(make_media, perception):
    percepts = perception.perceive(make_media("short.mp4", video_s=0.12, audio_s=0.1))
    assert len(percepts.visual.times_s) == 1
    assert percepts.audio.duration_s == pytest.approx(0.12, abs=0.05)
    assert percepts.missing() == {}
    assert percepts.render()


@pytest.mark.models
def test_unusual_audio_formats(make_media, perception):
    for name, settings in (
        ("a.mkv", {"audio_codec": "pcm_u8", "rate": 8_000}),
        ("b.mkv", {"audio_codec": "ac3", "layout": "5.1", "rate": 48_000}),
    ):
        percepts = perception.perceive(make_media(name, **settings))
        assert percepts.missing() == {}
        assert percepts.audio.duration_s == pytest.approx(2.0, abs=0.1)


@pytest.mark.models
def test_a_path_with_spaces_and_emoji(tmp_path, perception, run_cli, short_demo):
    path = tmp_path / "my clip \N{GRINNING FACE} (1).mp4"
    path.write_bytes(short_demo.read_bytes())
    assert len(perception.perceive(path).visual.faces) == 1
    code, out, _ = run_cli("perceive", path, "--json", "--streams", "visual")
    assert code == 0
    assert path.name in out or "\\ud83d" in out


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_an_unreadable_file(tmp_path):
    path = tmp_path / "a.mp4"
    path.write_bytes(DEMO.read_bytes())
    path.chmod(0)
    with pytest.raises(MediaError, match="cannot be read"):
        open_clip(path)


@pytest.mark.parametrize("kind", ["broken.png", "huge.png"])
def test_broken_images(kind, tmp_path):
    from PIL import Image

    path = tmp_path / kind
    Image.new("RGB", (400, 400), (9, 9, 9)).save(path)
    data = bytearray(path.read_bytes())
    if kind == "broken.png":
        path.write_bytes(data[: len(data) // 2])
    else:
        import struct
        import zlib

        data[16:24] = struct.pack(">II", 60_000, 60_000)  # a bomb: the header claims 3.6 gigapixels
        data[29:33] = struct.pack(">I", zlib.crc32(bytes(data[12:29])))
        path.write_bytes(data)
    with pytest.raises(MediaError):
        open_clip(path).frames()


NAMES = [
    "2024-05-01T12:30:00.mp4",
    "concat:y.mp4",
    "subfile,,start,24,end,0,,:y.mp4",
    "http:/example.org/y.mp4",
    "clip%03d.mp4",
    "it's 100% #1?&.mp4",
    "-i.mp4",
    "pipe:0",
]


@pytest.mark.parametrize("name", NAMES)
def test_a_relative_path_is_a_file_whatever_ffmpeg_would_read_into_it(name, tmp_path, monkeypatch, make_media):
    """Each name is opened and decoded as the file that it is, by both decoders; files beside it are not."""
    monkeypatch.chdir(tmp_path)
    given = make_media("given.mp4", video_s=1.0, audio_s=1.0)
    other = make_media("other.mp4", video_s=3.0, size=(64, 48))
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    given.rename(path)
    for decoy in ("y.mp4", "clip000.mp4", "clip001.mp4"):
        (tmp_path / decoy).write_bytes(other.read_bytes())
    clip = open_clip(name)
    expected = open_clip(path.absolute())
    assert (clip.width, clip.height, clip.duration_s) == (expected.width, expected.height, expected.duration_s)
    assert clip.duration_s == pytest.approx(1.0, abs=0.1)
    for in_order in (False, True):
        frames = list(clip.iter_frames(at_s=[0.0, 0.4], in_order=in_order))
        assert frame_numbers(frames[0].images) == [0, 10]
    assert len(clip.audio()) == pytest.approx(16_000, abs=1_600)


def test_an_image_with_a_pattern_for_a_name_is_one_image(tmp_path, monkeypatch):
    """Pillow reads what it can; what it leaves to FFmpeg is not taken for a sequence either."""
    from PIL import Image

    monkeypatch.chdir(tmp_path)
    for i, name in enumerate(("seq%03d", "seq000", "seq001", "seq002")):
        Image.new("RGB", (32, 32), (0, 60 * i, 0)).save(f"{name}.png")
        Image.new("RGB", (32, 32), (0, 60 * i, 0)).save(f"{name}.tga")
    clip = open_clip("seq%03d.png")
    assert clip.kind == "image"
    assert clip.frames().images.max() == 0
    other = open_clip("seq%03d.tga")  # not among Pillow's formats
    assert other.frame_count == 1
    assert [frames.images.max() for frames in other.iter_frames()] == [0]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes here")
def test_pipes_and_devices_are_refused_without_being_opened(tmp_path, run_cli):
    os.mkfifo(tmp_path / "pipe.mp4")
    (tmp_path / "link.mp4").symlink_to(tmp_path / "pipe.mp4")
    for path in (tmp_path / "pipe.mp4", tmp_path / "link.mp4", "/dev/zero"):
        with pytest.raises(MediaError, match="not a regular file"):
            open_clip(path)
    code, _, err = run_cli("perceive", tmp_path / "pipe.mp4")
    assert code == 2
    assert "not a regular file" in err


def test_no_content_makes_ffmpeg_open_another_file(tmp_path, short_demo):
    """Lists whose signature stands behind a comment are found by FFmpeg, and refused as well."""
    listed = tmp_path / "list.mp4"
    listed.write_text(f"{' ' * 300}<MPD xmlns='urn:mpeg:dash:schema:mpd:2011'><BaseURL>{short_demo}</BaseURL></MPD>")
    with pytest.raises(MediaError):
        open_clip(listed)
    for text in (f"#EXTM3U\n#EXTINF:1,\n{short_demo}\n", f"ffconcat version 1.0\nfile '{short_demo}'\n"):
        listed.write_text(text)
        with pytest.raises(MediaError, match="playlist"):
            open_clip(listed)
