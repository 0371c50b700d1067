"""Any bytes give a value or the folder's own error; a healthy stream's neighbours never see another."""

from __future__ import annotations

import contextlib
import random
from collections.abc import Callable
from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.transcoder.codecs.encoded import audio, video
from transcoder import codecs
from transcoder.cmaf import ProducerTime, Sample, fragment, init_segment
from transcoder.cmaf.reader import BoxError, read_fragments, read_init
from transcoder.codecs import CodecError, aac, ac3, av1, avc, flac, hevc, mp3, nal, opus, vp9
from transcoder.media import Codec, Kind, Track

MUTATIONS = 400
X265 = (("x265-params", "log-level=none:pools=1:bframes=2"), ("preset", "ultrafast"))

PARSERS: dict[str, Callable[[bytes], object]] = {
    "avc sps": avc.parse_sps,
    "avc record": lambda data: avc.AvcConfig.parse(data).first_sps(),
    "avc annexb": avc.config_from_annexb,
    "hevc sps": hevc.parse_sps,
    "hevc record": lambda data: hevc.HevcConfig.parse(data).first_sps(),
    "hevc annexb": hevc.config_from_annexb,
    "hevc complete": hevc.complete_config,
    "av1 record": av1.config_from,
    "av1 header": av1.parse_sequence_header,
    "vp9 record": vp9.Vp9Config.parse,
    "vp9 key frame": vp9.parse_key_frame,
    "aac": aac.AacConfig.parse,
    "adts": aac.config_from_adts,
    "opus": opus.OpusConfig.parse,
    "mp3": mp3.Mp3Header.parse,
    "flac record": flac.FlacConfig.parse,
    "flac frame": flac.frame_samples,
    "ac3": ac3.frame_samples,
}


@cache
def seeds() -> dict[Codec, tuple[bytes, tuple[bytes, ...]]]:
    """A configuration and a few units of each codec."""
    h264 = video("libx264", frames=8)
    h265 = video("libx265", frames=8, options=X265)
    svt = video("libsvtav1", frames=8, options=(("preset", "12"),))
    vpx = video("libvpx-vp9", frames=8, options=(("deadline", "realtime"), ("cpu-used", "8")))
    sound = audio("aac")
    speech = audio("libopus", sample_format="flt")
    lame = audio("libmp3lame", sample_rate=44_100)
    lossless = audio("flac", sample_format="s16")
    dolby = audio("ac3")
    dolby_plus = audio("eac3")

    def units(stream: object) -> tuple[bytes, ...]:
        return tuple(packet.data[:600] for packet in stream.packets[:4])  # type: ignore[attr-defined]

    return {
        Codec.H264: (avc.config_from_annexb(h264.extradata), tuple(map(nal.from_annexb, units(h264)))),
        Codec.H265: (hevc.config_from_annexb(h265.extradata), tuple(map(nal.from_annexb, units(h265)))),
        Codec.AV1: (av1.config_from(svt.extradata), units(svt)),
        Codec.VP9: (vpx.packets[0].data[:40], units(vpx)),
        Codec.AAC: (sound.extradata, units(sound)),
        Codec.OPUS: (speech.extradata, units(speech)),
        Codec.MP3: (lame.packets[0].data[:64], units(lame)),
        Codec.FLAC: (lossless.extradata, units(lossless)),
        Codec.AC3: (dolby.packets[0].data[:64], units(dolby)),
        Codec.EAC3: (dolby_plus.packets[0].data[:64], units(dolby_plus)),
    }


@pytest.fixture(scope="module", autouse=True)
def _made_before_any_clock_runs() -> None:
    """Encoding the seeds takes longer than Hypothesis lets an example last."""
    seeds()


def mutated(rng: random.Random, data: bytes) -> bytes:
    """Flip, cut, repeat, insert or overwrite a few bytes."""
    out = bytearray(data)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(out) + 1)
        match rng.randrange(6):
            case 0 if at < len(out):
                out[at] ^= 1 << rng.randrange(8)
            case 1:
                del out[at:]
            case 2:
                out[at:at] = out[at : at + rng.randint(1, 16)]
            case 3:
                out[at:at] = rng.randbytes(rng.randint(1, 8))
            case 4:
                out[at : at + 4] = rng.choice((b"\0\0\0\0", b"\xff\xff\xff\xff", b"\0\0\0\1", b"\x80\0\0\0"))
            case _:
                del out[at : at + rng.randint(1, 8)]
    return bytes(out)


def use_everything(track: Track, unit: bytes) -> None:
    """What the program does with a track and a unit."""
    codecs.rfc6381(track)
    codecs.colour(track)
    if in_segments := track.codec not in (Codec.FLAC, Codec.AC3, Codec.EAC3):
        read_init(init_segment(track))
    codecs.is_sync(track, unit)
    try:
        cleaned = codecs.clean(track, unit)
    except CodecError:
        return
    # What is clean stays as it is.
    assert codecs.clean(track, cleaned) == cleaned
    sync = codecs.is_sync(track, cleaned)
    if track.kind is Kind.AUDIO:
        assert codecs.frame_samples(track, cleaned) > 0
    elif sync:
        with contextlib.suppress(CodecError):
            codecs.track_from_sync_unit(track, cleaned)
    if not in_segments:
        return
    data = fragment(track, sequence_number=1, base_decode_time=0, samples=[Sample(1, 0, sync, cleaned)])
    assert read_fragments(data, default_sample_flags=0x1_0000)[0].samples[0].payload == cleaned


@pytest.mark.parametrize("name", PARSERS)
@given(data=st.binary(max_size=200))
def test_any_bytes_in_any_parser(name: str, data: bytes) -> None:
    with contextlib.suppress(CodecError):
        PARSERS[name](data)


@given(tail=st.binary(max_size=120))
@settings(max_examples=200)
@pytest.mark.parametrize(
    ("head", "parse"),
    [
        (b"\x67\x64\x00\x1f", avc.parse_sps),
        (b"\x67\x42\xc0\x1e", avc.parse_sps),
        (b"\x42\x01\x01\x01\x60\x00\x00\x03\x00\x90\x00\x00\x03\x00\x00\x03\x00\x5d", hevc.parse_sps),
        (b"\x0a\x40\x00\x00", av1.parse_sequence_header),
        (b"\x82\x49\x83\x42", vp9.parse_key_frame),
        (b"\x12", aac.AacConfig.parse),
        (b"\xff\xf8", flac.frame_samples),
        (b"\x0b\x77", ac3.frame_samples),
    ],
)
def test_any_bytes_after_a_good_beginning(head: bytes, parse: Callable[[bytes], object], tail: bytes) -> None:
    with contextlib.suppress(CodecError):
        parse(head + tail)


@pytest.mark.parametrize("codec", list(Codec))
@given(data=st.binary(max_size=300))
def test_any_bytes_as_a_unit(codec: Codec, data: bytes) -> None:
    config, _ = seeds()[codec]
    use_everything(codecs.track_from_config(1, codec, config), data)


@pytest.mark.parametrize("codec", list(Codec))
def test_mutated_configurations(codec: Codec) -> None:
    rng = random.Random(f"config {codec}")
    config, units = seeds()[codec]
    accepted = 0
    for _ in range(MUTATIONS):
        try:
            track = codecs.track_from_config(1, codec, mutated(rng, config))
        except CodecError:
            continue
        accepted += 1
        assert 0 <= track.width <= 16_384
        assert 0 <= track.height <= 16_384
        assert track.timescale > 0
        use_everything(track, rng.choice(units))
    assert accepted


@pytest.mark.parametrize("codec", list(Codec))
def test_mutated_units(codec: Codec) -> None:
    rng = random.Random(f"unit {codec}")
    config, units = seeds()[codec]
    track = codecs.track_from_config(1, codec, config)
    for _ in range(MUTATIONS):
        use_everything(track, mutated(rng, rng.choice(units)))


def test_mutated_files_in_our_reader() -> None:
    rng = random.Random("file")
    config, units = seeds()[Codec.H264]
    track = codecs.track_from_config(1, Codec.H264, config)
    init = init_segment(track)
    part = fragment(
        track,
        sequence_number=1,
        base_decode_time=90_000,
        samples=[Sample(3000, at, at == 0, unit) for at, unit in enumerate(units)],
        producer_time=ProducerTime(1e9, 0),
        segment_start=True,
    )
    for _ in range(MUTATIONS):
        for read, data in ((read_init, init), (read_fragments, part)):
            with contextlib.suppress(BoxError):
                read(mutated(rng, data))


# What once broke a parser, or comes from a publisher that once did.
@pytest.mark.parametrize(
    "payload",
    [
        b"\0\0\0\1\x65",  # Annex B start code, or a NAL unit of one byte: converting it once never ended
        b"\0\0\0\1" * 8,
        b"\0\0\0\0" * 50,
        b"\xff" * 64,
        b"\0\0\0\5\x65\x88\x84\0\x10" + b"\0\0\0\0" * 3 + b"\0\0\x01\0\x41",
    ],
)
def test_units_that_once_broke_something(payload: bytes) -> None:
    for codec in (Codec.H264, Codec.H265):
        config, _ = seeds()[codec]
        use_everything(codecs.track_from_config(1, codec, config), payload)
