"""Sessions of real encoders, replayed: what comes of them, whole, in pieces, and cut short anywhere."""

from __future__ import annotations

from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from ingest.publication import TrackUpdate
from ingest.rtmp import flv
from ingest.rtmp.chunk import ChunkReader, RawMessage
from ingest.rtmp.handshake import RANDOM_SIZE
from ingest.rtmp.intake import Intake, SourceRefused
from ingest.rtmp.message import MessageError, parse
from ingest.rtmp.session import (
    AudioReceived,
    Connected,
    Event,
    MediaBroken,
    MetadataReceived,
    PublishRequested,
    ServerSession,
    VideoReceived,
)
from transcoder.codecs import colour
from transcoder.media import AccessUnit, Codec, Kind, Track

SESSIONS = Path(__file__).parents[2] / "vectors" / "rtmp" / "sessions"
HANDSHAKE = b"\x03" + bytes(3072)


@dataclass
class Replay:
    """A server that takes the publisher in and does with its media what the connection does."""

    session: ServerSession = field(default_factory=lambda: ServerSession(random=bytes(RANDOM_SIZE)))
    intake: Intake = field(default_factory=Intake)
    events: list[Event] = field(default_factory=list)
    tracks: dict[int, Track] = field(default_factory=dict)
    changes: int = 0
    """Formats that came after a unit of their track."""
    units: list[AccessUnit] = field(default_factory=list)
    encoder: str | None = None

    def feed(self, data: bytes) -> None:
        self.session.receive(data)
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
            match event:
                case Connected(encoder):
                    self.encoder = encoder
                case PublishRequested(stream, key):
                    assert (stream, key) == ("mine", "right")
                    self.session.accept()
                case MetadataReceived(values):
                    self.intake.metadata(values)
                case VideoReceived(timestamp_ms, tag):
                    self.take(self.intake.video(timestamp_ms, tag, 0.0))
                case AudioReceived(timestamp_ms, tag):
                    self.take(self.intake.audio(timestamp_ms, tag, 0.0))
                case MediaBroken(reason):
                    raise AssertionError(reason)
                case _:
                    pass
        self.session.data_to_send()

    def take(self, items: list[TrackUpdate | AccessUnit]) -> None:
        for item in items:
            if isinstance(item, TrackUpdate):
                self.tracks[item.track.track_id] = item.track
                self.changes += any(unit.track_id == item.track.track_id for unit in self.units)
            else:
                assert item.track_id in self.tracks
                self.units.append(item)

    def summary(self) -> dict[int, tuple[Codec, int]]:
        counts = Counter(unit.track_id for unit in self.units)
        return {number: (track.codec, counts[number]) for number, track in sorted(self.tracks.items())}


EXPECTED: dict[str, tuple[str, dict[int, tuple[Codec, int]]]] = {
    "ffmpeg5_h264_aac": ("Lavf59", {1: (Codec.H264, 5), 2: (Codec.AAC, 23)}),
    "ffmpeg8_hevc_opus": ("Lavf62", {1: (Codec.H265, 6), 2: (Codec.OPUS, 31)}),
    "ffmpeg8_hdr_hevc": ("Lavf62", {1: (Codec.H265, 6)}),
    "ffmpeg8_av1_flac": ("Lavf62", {1: (Codec.AV1, 6), 2: (Codec.FLAC, 8)}),
    "ffmpeg8_ac3_eac3": ("Lavf62", {1: (Codec.H264, 2), 2: (Codec.AC3, 7), 4: (Codec.EAC3, 7)}),
    "ffmpeg8_multitrack": (
        "Lavf62",
        {1: (Codec.H264, 6), 2: (Codec.AAC, 30), 3: (Codec.H264, 6), 4: (Codec.AAC, 30)},
    ),
    "ffmpeg8_manycodecs": (
        "Lavf62",
        {1: (Codec.H264, 6), 2: (Codec.AAC, 30), 3: (Codec.H265, 6), 4: (Codec.OPUS, 31)},
    ),
    "gstreamer_rtmp2sink": ("LNX 10,0,32,18", {1: (Codec.H264, 3), 2: (Codec.AAC, 9)}),
    "gstreamer_rtmpsink_librtmp": ("FMLE/3.0", {1: (Codec.H264, 3), 2: (Codec.AAC, 9)}),
    "obs_h264_aac": ("FMSc/1.0", {1: (Codec.H264, 5), 2: (Codec.AAC, 23)}),
    "obs31_multitrack": (
        "FMSc/1.0",
        {1: (Codec.H264, 5), 2: (Codec.AAC, 23), 3: (Codec.H264, 5), 4: (Codec.AAC, 23)},
    ),
    "obs_hdr_hevc": ("FMSc/1.0", {1: (Codec.H265, 6)}),
    "fmle": ("FMSc/1.0", {1: (Codec.H264, 5), 2: (Codec.AAC, 23)}),
    "hardware_encoder": ("HWENC 4.2", {1: (Codec.H265, 6), 2: (Codec.AAC, 4)}),
}


def replayed(name: str) -> Replay:
    replay = Replay()
    replay.feed(HANDSHAKE + (SESSIONS / f"{name}.bin").read_bytes())
    return replay


def test_every_recording_is_here_and_expected() -> None:
    assert {path.stem for path in SESSIONS.glob("*.bin")} == EXPECTED.keys()


@pytest.mark.parametrize("name", EXPECTED)
def test_what_comes_of_it(name: str) -> None:
    encoder, tracks = EXPECTED[name]
    replay = replayed(name)
    assert encoder in (replay.encoder or "")
    assert replay.summary() == tracks
    assert replay.intake.statistics().dropped == 0
    assert replay.intake.take_remarks() == []
    assert replay.changes == 0  # one format from the first picture to the end


@pytest.mark.parametrize("name", EXPECTED)
def test_tracks_share_one_clock(name: str) -> None:
    firsts: dict[int, AccessUnit] = {}
    for unit in replayed(name).units:
        firsts.setdefault(unit.track_id, unit)
    begins_s = [unit.pts_s for unit in firsts.values()]
    assert max(begins_s) - min(begins_s) < 0.25
    assert all(unit.sync for unit in firsts.values() if unit.codec.kind is Kind.VIDEO)


@pytest.mark.parametrize("name", EXPECTED)
def test_byte_by_byte_and_cut_at_every_byte(name: str) -> None:
    """After each byte the session stands where one that ends there would stand."""
    whole = replayed(name)
    replay = Replay()
    replay.feed(HANDSHAKE)
    for byte in (SESSIONS / f"{name}.bin").read_bytes():
        replay.feed(bytes((byte,)))
        assert replay.events == whole.events[: len(replay.events)]
    assert replay.events == whole.events
    assert replay.units == whole.units


@pytest.mark.parametrize("name", EXPECTED)
def test_every_message_cut_short_at_every_byte(name: str) -> None:
    """The chunk layer stays sound; what is inside ends anywhere. Only errors that somebody expects come."""
    reader = ChunkReader()
    reader.feed((SESSIONS / f"{name}.bin").read_bytes())
    intake = Intake()
    while (message := reader.next_message()) is not None:
        body = bytes(message.payload)
        for size in range(min(len(body), 400)):
            cut = body[:size]
            if message.type_id in (8, 9):
                read = flv.parse_video if message.type_id == 9 else flv.parse_audio
                take = intake.video if message.type_id == 9 else intake.audio
                with suppress(flv.FlvError, SourceRefused):
                    for tag in read(cut):
                        take(message.timestamp_ms, tag, 0.0)
            else:
                with suppress(MessageError):
                    parse(RawMessage(3, message.type_id, 0, 0, cut))


@pytest.mark.parametrize("name", ["ffmpeg8_hdr_hevc", "obs_hdr_hevc"])
def test_hdr_is_told_before_the_first_picture(name: str) -> None:
    replay = replayed(name)
    track = replay.tracks[1]
    assert colour(track).video_range == "PQ"
    assert track.hdr is not None


def test_the_display_and_the_light_that_obs_tells() -> None:
    hdr = replayed("obs_hdr_hevc").tracks[1].hdr
    assert hdr is not None
    assert hdr.light is not None
    assert hdr.mastering is not None
    assert (hdr.light.max_content, hdr.mastering.green) == (1000, (13_250, 34_500))
    assert (hdr.mastering.max_luminance, hdr.mastering.min_luminance) == (10_000_000, 0)
