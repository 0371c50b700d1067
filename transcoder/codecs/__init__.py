"""What each coding format looks like inside: configuration records, RFC 6381 names, access units.

The functions here dispatch by :class:`~transcoder.media.Codec`; the typed records live in one module for
each format. Any bytes give a value or :class:`CodecError`, never another exception.
"""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from functools import lru_cache

from transcoder.codecs import aac, avc
from transcoder.codecs.colour import UNDESCRIBED, Colour
from transcoder.codecs.error import CodecError
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
]


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

    ``frame_rate`` is what the publisher says: it counts where the bitstream promises none. ``timescale``
    is for callers that keep another clock than 90 kHz for pictures and the sample rate for sound.
    """
    track = Track(track_id=track_id, codec=codec, timescale=0, language=language, name=name)
    match codec:
        case Codec.H264:
            sps = avc.AvcConfig.parse(config).first_sps()
            track = replace(
                track,
                config=config,
                width=sps.width,
                height=sps.height,
                sample_aspect=sps.sample_aspect,
                frame_rate=_chosen_rate(sps.frame_rate, sps.vui.fixed_frame_rate, frame_rate),
            )
        case Codec.AAC:
            asc = aac.AacConfig.parse(config)
            track = replace(track, config=config, sample_rate=asc.sample_rate, channels=asc.channels)
        case _:
            raise CodecError(f"{codec} is not supported yet")
    return replace(track, timescale=timescale or track.sample_rate or VIDEO_TIMESCALE)


def _chosen_rate(coded: Fraction | None, promised: bool, told: Fraction | None) -> Fraction | None:
    return coded if promised or told is None else told


def rfc6381(track: Track) -> str:
    """The track's entry for CODECS (RFC 6381). Raises :class:`CodecError`."""
    match track.codec:
        case Codec.H264:
            return avc.rfc6381(avc.AvcConfig.parse(track.config))
        case Codec.AAC:
            return aac.rfc6381(aac.AacConfig.parse(track.config))
        case _:
            raise CodecError(f"{track.codec} is not supported yet")


def colour(track: Track) -> Colour:
    """What the configuration says of the picture's colour. Raises :class:`CodecError`."""
    match track.codec:
        case Codec.H264:
            return avc.AvcConfig.parse(track.config).first_sps().colour
        case _:
            return UNDESCRIBED


def clean(track: Track, payload: bytes) -> bytes:
    """One access unit fit for a file and for a decoder; the very same object where nothing is wrong.

    Raises :class:`CodecError` if nothing decodable remains.
    """
    match track.codec:
        case Codec.H264:
            return avc.clean(payload, avc.length_size(track.config))
        case Codec.AAC:
            return aac.clean(payload)
        case _:
            raise CodecError(f"{track.codec} is not supported yet")


def is_sync(track: Track, payload: bytes) -> bool:
    """Whether a decoder can start at this access unit, by the bitstream itself. Sound: always."""
    match track.codec:
        case Codec.H264:
            return avc.is_sync(payload, avc.length_size(track.config))
        case _:
            return True


def frame_samples(track: Track, payload: bytes) -> int:
    """Samples that an audio frame lasts, at the track's sample rate. Raises :class:`CodecError`."""
    match track.codec:
        case Codec.AAC:
            return _aac_frame_samples(track.config)
        case _:
            raise CodecError(f"{track.codec} has no samples to count")


@lru_cache(maxsize=64)
def _aac_frame_samples(config: bytes) -> int:
    """Asked once a frame, and always the same for a track."""
    return aac.AacConfig.parse(config).frame_samples
