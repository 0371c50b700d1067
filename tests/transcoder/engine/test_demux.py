"""Files made by a real ffmpeg, read back as units."""

import subprocess
from itertools import islice, pairwise
from pathlib import Path

import av
import pytest

from transcoder.codecs import nal, rfc6381
from transcoder.engine.demux import DemuxError, MediaFile
from transcoder.media import AccessUnit, Codec, Kind

pytestmark = pytest.mark.tools("ffmpeg")

H264 = ["-c:v", "libx264", "-preset", "ultrafast", "-g", "15", "-bf", "2", "-profile:v", "main"]
FILES = {
    "b-frames.mp4": [*H264, "-c:a", "aac"],
    "annexb.ts": [*H264, "-c:a", "aac"],
    "film.flv": [*H264, "-c:a", "aac"],
    "film.webm": ["-c:v", "libvpx-vp9", "-deadline", "realtime", "-cpu-used", "8", "-c:a", "libopus"],
    "h265.mkv": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-c:a", "mp3"],
    "h265.ts": ["-c:v", "libx265", "-preset", "ultrafast", "-x265-params", "log-level=none", "-c:a", "mp3"],
    "old.ts": ["-c:v", "mpeg2video", "-c:a", "ac3"],
    "studio.mov": ["-c:v", "prores_ks", "-c:a", "pcm_s16le"],
}
EXPECTED = {
    "b-frames.mp4": (Codec.H264, Codec.AAC),
    "annexb.ts": (Codec.H264, Codec.AAC),
    "film.flv": (Codec.H264, Codec.AAC),
    "film.webm": (Codec.VP9, Codec.OPUS),
    "h265.mkv": (Codec.H265, Codec.MP3),
    "h265.ts": (Codec.H265, Codec.MP3),
    "old.ts": (Codec.H264, Codec.AC3),
    "studio.mov": (Codec.H264, Codec.AAC),
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("films")
    sources = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=30", "-f", "lavfi", "-i", "sine=440"]
    for name, options in FILES.items():
        command = ["ffmpeg", "-v", "error", *sources, "-t", "2", "-pix_fmt", "yuv420p", *options, name]
        subprocess.run(command, check=True, cwd=folder)
    return folder


def of_kind(units: list[AccessUnit], kind: Kind) -> list[AccessUnit]:
    return [unit for unit in units if unit.codec.kind is kind]


@pytest.mark.parametrize("name", FILES)
def test_every_container_gives_decodable_units_in_decoding_order(folder: Path, name: str) -> None:
    film = MediaFile(folder / name)
    assert tuple(track.codec for track in film.tracks) == EXPECTED[name]
    assert (film.tracks[0].width, film.tracks[0].height) == (320, 180)
    units = list(film)
    film.close()
    assert [unit.dts_s for unit in units] == sorted(unit.dts_s for unit in units)
    assert units[0].dts == 0
    video, audio = of_kind(units, Kind.VIDEO), of_kind(units, Kind.AUDIO)
    assert len(video) == 60
    assert video[0].sync
    assert all(unit.pts >= unit.dts for unit in video)
    assert len({unit.dts for unit in video}) == 60
    assert audio[-1].dts_s + 0.02 == pytest.approx(2, abs=0.1)
    for track, sent in zip(film.tracks, (video, audio), strict=True):
        assert rfc6381(track)
        decoder = av.CodecContext.create(track.codec.value, "r")
        if track.codec not in (Codec.VP9, Codec.MP3, Codec.OPUS, Codec.AC3):
            decoder.extradata = track.config
        frames = 0
        for unit in sent:
            packet = av.Packet(unit.payload)
            packet.pts, packet.dts = unit.pts, unit.dts
            frames += len(decoder.decode(packet))
        frames += len(decoder.decode(None))
        assert frames >= len(sent) - 2


@pytest.mark.parametrize("name", ["annexb.ts", "h265.ts"])
def test_annexb_becomes_length_prefixed(folder: Path, name: str) -> None:
    for unit in of_kind(list(MediaFile(folder / name)), Kind.VIDEO):
        assert sum(4 + len(piece) for piece in nal.split(unit.payload, 4)) == len(unit.payload)


@pytest.mark.parametrize("name", ["b-frames.mp4", "annexb.ts", "h265.mkv", "old.ts"])
def test_a_loop_goes_on_without_a_step(folder: Path, name: str) -> None:
    film = MediaFile(folder / name, loop=True)
    units = list(islice(film, 600))
    film.close()
    assert units[-1].dts_s > 6
    for kind, longest_s in ((Kind.VIDEO, 0.2), (Kind.AUDIO, 0.12)):
        steps = [later.dts_s - earlier.dts_s for earlier, later in pairwise(of_kind(units, kind))]
        assert min(steps) > 0
        assert max(steps) < longest_s


def test_what_is_encoded_again_is_said(folder: Path) -> None:
    assert MediaFile(folder / "b-frames.mp4").notes == ()
    assert "mpeg2video" in " ".join(MediaFile(folder / "old.ts").notes)
    assert "pcm_s16le" in " ".join(MediaFile(folder / "studio.mov").notes)


@pytest.mark.parametrize(
    "body",
    [
        b"ffconcat version 1.0\nfile b-frames.mp4\n",
        b"#EXTM3U\n#EXT-X-TARGETDURATION:2\n#EXTINF:2,\nannexb.ts\n#EXT-X-ENDLIST\n",
        b"not a film",
        b"",
    ],
)
def test_what_is_no_container_is_refused(folder: Path, body: bytes) -> None:
    trap = folder / "trap.mp4"
    trap.write_bytes(body)
    with pytest.raises(DemuxError, match=r"trap\.mp4 cannot be opened"):
        MediaFile(trap)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(DemuxError, match="is no file"):
        MediaFile(tmp_path / "gone.mp4")


def test_a_file_of_subtitles_holds_nothing_to_send(folder: Path) -> None:
    (folder / "words.srt").write_text("1\n00:00:00,000 --> 00:00:01,000\nhello\n")
    command = ["ffmpeg", "-v", "error", "-i", "words.srt", "-c:s", "srt", "words.mkv"]
    subprocess.run(command, check=True, cwd=folder)
    with pytest.raises(DemuxError, match="neither pictures nor sound"):
        MediaFile(folder / "words.mkv")


def test_every_track_with_its_language_and_title_the_default_one_first(tmp_path: Path) -> None:
    sources = ["-f", "lavfi", "-i", "testsrc2=s=320x180:r=25", "-f", "lavfi", "-i", "testsrc2=s=160x90:r=25"]
    command = ["ffmpeg", "-v", "error", *sources, "-f", "lavfi", "-i", "sine=440:r=48000", "-t", "1"]
    command += ["-map", "1:v", "-map", "0:v", *["-map", "2:a"] * 10, *H264, "-pix_fmt", "yuv420p"]
    command += ["-c:a", "aac", "-c:a:1", "flac", "-c:a:2", "ac3", "-c:a:3", "eac3"]
    command += ["-metadata:s:a:0", "language=eng", "-metadata:s:a:1", "language=deu"]
    command += ["-metadata:s:a:1", "title=Kommentar", "-metadata:s:v:0", "title=Small"]
    command += ["-disposition:v:0", "0", "-disposition:v:1", "default"]
    command += ["-disposition:a:0", "0", "-disposition:a:2", "default", str(tmp_path / "all.mkv")]
    subprocess.run(command, check=True)
    film = MediaFile(tmp_path / "all.mkv")
    assert [(track.codec, track.language, track.name) for track in film.tracks[:6]] == [
        (Codec.H264, None, None),
        (Codec.H264, None, "Small"),
        (Codec.AC3, None, None),
        (Codec.AAC, "eng", None),
        (Codec.FLAC, "deu", "Kommentar"),
        (Codec.EAC3, None, None),
    ]
    assert [track.width for track in film.tracks[:2]] == [320, 160]
    assert len(film.tracks) == 10
    assert len(film.notes) == 2
    units = list(film)
    film.close()
    assert [unit.dts_s for unit in units] == sorted(unit.dts_s for unit in units)
    ends_s = {unit.track_id: unit.dts_s for unit in units}
    assert sorted(ends_s) == sorted(track.track_id for track in film.tracks)
    assert min(ends_s.values()) > 0.85
