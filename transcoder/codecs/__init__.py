"""What each coding format looks like inside: configuration records, RFC 6381 names, access units.

The functions here dispatch by :class:`~transcoder.media.Codec`; the typed records live in one module for
each format. Any bytes give a value or :class:`CodecError`, never another exception.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from transcoder.codecs import aac, ac3, av1, avc, flac, hevc, mp3, nal, opus, vp9
from transcoder.codecs.error import CodecError
from transcoder.codecs.picture import UNDESCRIBED, Colour
from transcoder.media import VIDEO_TIMESCALE, Codec, Track

__all__ = [
    "CodecError",
    "Colour",
    "clean",
    "colour",
    "frame_samples",
    "is_sync",
    "rfc6381",
    "track_from_config",
    "track_from_sync_unit",
]

_SAME_RATE = Fraction(1, 100)


def track_from_config(
    track_id: int,
    codec: Codec,
    config: bytes,
    *,
    language: str | None = None,
    name: str | None = None,
    frame_rate: Fraction | None = None,
    timescale: int | None = None,
) -> Track:
    """The track that a configuration record describes. Raises :class:`CodecError`.

    Besides the record that :class:`Track` names: Opus may come as an ``OpusHead`` packet, VP9 as a
    ``vpcC`` body with its FullBox header or as a key frame, AV1 as a bare sequence header OBU, FLAC with
    its block header or from the ``fLaC`` marker on; MP3, AC-3 and E-AC-3 as their first frame. A VP9
    record tells no size, and an AV1 record may not: then width and height are 0 until
    :func:`track_from_sync_unit` has seen a key frame.

    ``frame_rate`` is what the publisher says: it counts where the bitstream promises none. ``timescale``
    is for callers that keep another clock than 90 kHz for pictures and the sample rate for sound.
    """
    track = Track(track_id=track_id, codec=codec, timescale=0, language=language, name=name)
    match codec:
        case Codec.H264:
            track = _avc_track(track, config, frame_rate)
        case Codec.H265:
            track = _hevc_track(track, config, frame_rate)
        case Codec.AV1:
            track = _av1_track(track, config, frame_rate)
        case Codec.VP9:
            track = _vp9_track(track, config, frame_rate)
        case Codec.AAC:
            asc = aac.AacConfig.parse(config)
            track = replace(track, config=config, sample_rate=asc.sample_rate, channels=asc.channels)
        case Codec.OPUS:
            head = opus.OpusConfig.parse(config)
            track = replace(
                track, config=head.serialize(), sample_rate=opus.SAMPLE_RATE, channels=head.channels
            )
        case Codec.MP3:
            header = mp3.Mp3Header.parse(config)
            track = replace(track, sample_rate=header.sample_rate, channels=header.channels)
        case Codec.FLAC:
            info = flac.FlacConfig.parse(config)
            track = replace(track, config=info.record, sample_rate=info.sample_rate, channels=info.channels)
        case Codec.AC3 | Codec.EAC3:
            frame = ac3.Ac3Header.parse(config)
            track = replace(track, sample_rate=frame.sample_rate, channels=frame.channels)
    return replace(track, timescale=timescale or track.sample_rate or VIDEO_TIMESCALE)


def _avc_track(track: Track, config: bytes, told_rate: Fraction | None) -> Track:
    sps = avc.AvcConfig.parse(config).first_sps()
    return replace(
        track,
        config=config,
        width=sps.width,
        height=sps.height,
        sample_aspect=sps.sample_aspect,
        frame_rate=_agreed_rate(sps.frame_rate, sps.vui.fixed_frame_rate, told_rate),
    )


def _hevc_track(track: Track, config: bytes, told_rate: Fraction | None) -> Track:
    sps = hevc.HevcConfig.parse(config).first_sps()
    return replace(
        track,
        config=config,
        width=sps.width,
        height=sps.height,
        sample_aspect=sps.sample_aspect,
        frame_rate=_agreed_rate(sps.frame_rate, False, told_rate),
    )


def _av1_track(track: Track, config: bytes, told_rate: Fraction | None) -> Track:
    record = av1.config_from(config)
    header = av1.Av1Config.parse(record).sequence_header()
    if header is None:
        return replace(track, config=record, frame_rate=told_rate)
    return replace(
        track,
        config=record,
        width=header.width,
        height=header.height,
        frame_rate=header.frame_rate or told_rate,
    )


def _vp9_track(track: Track, config: bytes, told_rate: Fraction | None) -> Track:
    if not vp9.is_sync(config):
        return replace(track, config=vp9.Vp9Config.parse(config).serialize(), frame_rate=told_rate)
    frame = vp9.parse_key_frame(config)
    record = vp9.Vp9Config.of_key_frame(frame, told_rate)
    return replace(
        track, config=record.serialize(), width=frame.width, height=frame.height, frame_rate=told_rate
    )


def _agreed_rate(coded: Fraction | None, promised: bool, told: Fraction | None) -> Fraction | None:
    """The bitstream's rate where it promises one or the publisher says about the same (29.97, say).

    Without a promise it may be no more than the clock of the encoder's timestamps.
    """
    if coded is None or told is None:
        return coded or told
    return coded if promised or abs(told / coded - 1) < _SAME_RATE else told


def track_from_sync_unit(track: Track, payload: bytes) -> Track:
    """The track as this sync unit itself describes it; the same object where it agrees.

    For VP9 and AV1 this is how the size becomes known. For all pictures it catches the encoder that
    changes size or profile in the bitstream without a new configuration record. Cheap: it reads headers,
    and only of sync units. Raises :class:`CodecError` for a header that cannot be read.
    """
    match track.codec:
        case Codec.H264:
            return _avc_refreshed(track, payload)
        case Codec.H265:
            return _hevc_refreshed(track, payload)
        case Codec.AV1:
            obu = av1.sequence_header_obu(payload)
            if obu is None or av1.sized_obu(obu) in track.config:
                return track
            return _av1_track(track, obu, track.frame_rate)
        case Codec.VP9:
            frame = vp9.parse_key_frame(payload)
            if (frame.width, frame.height) == (track.width, track.height):
                return track
            if not track.width and vp9.Vp9Config.parse(track.config).profile == frame.profile:
                return replace(track, width=frame.width, height=frame.height)
            return _vp9_track(track, payload, track.frame_rate)
        case _:
            return track


def _avc_refreshed(track: Track, payload: bytes) -> Track:
    sizes = avc.length_size(track.config)
    units = [
        unit for unit in nal.split(payload, sizes) if unit[0] & 0x1F in (avc.NalType.SPS, avc.NalType.PPS)
    ]
    sps = [unit for unit in units if unit[0] & 0x1F == avc.NalType.SPS]
    if not sps or len(units) == len(sps) or sps[0] in avc.AvcConfig.parse(track.config).sps:
        return track
    pps = [unit for unit in units if unit[0] & 0x1F == avc.NalType.PPS]
    record = replace(avc.AvcConfig.of_parameter_sets(sps, pps), length_size=sizes)
    return _avc_track(track, record.serialize(), track.frame_rate)


def _hevc_refreshed(track: Track, payload: bytes) -> Track:
    sizes = hevc.length_size(track.config)
    units = [
        unit
        for unit in nal.split(payload, sizes)
        if hevc.NalType.VPS <= hevc.nal_type(unit) <= hevc.NalType.PPS
    ]
    kinds = {hevc.nal_type(unit): unit for unit in units}
    known = hevc.HevcConfig.parse(track.config)
    if len(kinds) < 3 or kinds[hevc.NalType.SPS] in known.units(hevc.NalType.SPS):
        return track
    record = replace(hevc.HevcConfig.of_parameter_sets(units), length_size=sizes)
    return _hevc_track(track, record.serialize(), track.frame_rate)


def rfc6381(track: Track) -> str:
    """The track's entry for CODECS (RFC 6381). Raises :class:`CodecError`."""
    match track.codec:
        case Codec.H264:
            return avc.rfc6381(avc.AvcConfig.parse(track.config))
        case Codec.H265:
            return hevc.rfc6381(hevc.HevcConfig.parse(track.config))
        case Codec.AV1:
            return av1.rfc6381(av1.Av1Config.parse(track.config))
        case Codec.VP9:
            record = vp9.Vp9Config.parse(track.config)
            return vp9.rfc6381(record, track.width, track.height, track.frame_rate)
        case Codec.AAC:
            return aac.rfc6381(aac.AacConfig.parse(track.config))
        case Codec.OPUS:
            # Opus in ISOBMFF 4.3.1: the parameter is the sample entry's name; HLS players know it in
            # lower case (RFC 6381 3.3 compares without case).
            return "opus"
        case Codec.MP3:
            return mp3.rfc6381(track.sample_rate)
        case Codec.FLAC:
            return "fLaC"
        case Codec.AC3:
            return "ac-3"
        case Codec.EAC3:
            return "ec-3"


def colour(track: Track) -> Colour:
    """The picture's colour: what the publisher says beside the bitstream, then what the configuration says.

    Raises :class:`CodecError`.
    """
    coded = _coded_colour(track)
    hdr = track.hdr
    if hdr is None:
        return coded
    return replace(
        coded,
        primaries=coded.primaries if hdr.primaries is None else hdr.primaries,
        transfer=coded.transfer if hdr.transfer is None else hdr.transfer,
        matrix=coded.matrix if hdr.matrix is None else hdr.matrix,
    )


def _coded_colour(track: Track) -> Colour:
    match track.codec:
        case Codec.H264:
            return avc.AvcConfig.parse(track.config).first_sps().colour
        case Codec.H265:
            return hevc.HevcConfig.parse(track.config).first_sps().colour
        case Codec.AV1:
            header = av1.Av1Config.parse(track.config).sequence_header()
            return UNDESCRIBED if header is None else header.colour
        case Codec.VP9:
            return vp9.Vp9Config.parse(track.config).colour
        case _:
            return UNDESCRIBED


def clean(track: Track, payload: bytes) -> bytes:
    """One access unit fit for a file and for a decoder; the very same object where nothing is wrong.

    Drops empty and over-long NAL units, delimiters, filler and ADTS headers. Raises :class:`CodecError`
    if nothing decodable remains.
    """
    match track.codec:
        case Codec.H264:
            return avc.clean(payload, avc.length_size(track.config))
        case Codec.H265:
            return hevc.clean(payload, hevc.length_size(track.config))
        case Codec.AV1:
            return av1.clean(payload, track.config)
        case Codec.VP9:
            return vp9.clean(payload)
        case Codec.AAC:
            return aac.clean(payload)
        case Codec.OPUS:
            return opus.clean(payload)
        case Codec.MP3:
            return mp3.clean(payload)
        case Codec.FLAC:
            return flac.clean(payload)
        case Codec.AC3 | Codec.EAC3:
            return ac3.clean(payload)


def is_sync(track: Track, payload: bytes) -> bool:
    """Whether a decoder can start at this access unit, by the bitstream itself. Sound: always."""
    match track.codec:
        case Codec.H264:
            return avc.is_sync(payload, avc.length_size(track.config))
        case Codec.H265:
            return hevc.is_sync(payload, hevc.length_size(track.config))
        case Codec.AV1:
            return av1.is_sync(payload)
        case Codec.VP9:
            return vp9.is_sync(payload)
        case _:
            return True


def frame_samples(track: Track, payload: bytes) -> int:
    """Samples that an audio frame lasts, at the track's sample rate. Raises :class:`CodecError`."""
    match track.codec:
        case Codec.AAC:
            return _aac_frame_samples(track.config)
        case Codec.OPUS:
            return opus.packet_samples(payload)
        case Codec.MP3:
            return mp3.frame_samples(payload)
        case Codec.FLAC:
            return flac.frame_samples(payload)
        case Codec.AC3 | Codec.EAC3:
            return ac3.frame_samples(payload)
        case _:
            raise CodecError(f"{track.codec} has no samples to count")


@lru_cache(maxsize=64)
def _aac_frame_samples(config: bytes) -> int:
    """Asked once a frame, and always the same for a track."""
    return aac.AacConfig.parse(config).frame_samples
