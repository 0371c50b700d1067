"""The multivariant playlist: which renditions there are (RFC 8216bis 4.4.6)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from transcoder.manifests.attributes import label, quoted


@dataclass(frozen=True, slots=True, kw_only=True)
class AudioRendition:
    """EXT-X-MEDIA of TYPE=AUDIO."""

    group: str
    name: str
    """Shown in a player's menu; unique in its group."""
    uri: str
    language: str | None = None
    """BCP 47."""
    default: bool = True
    autoselect: bool = True
    channels: int = 0
    """0 where it is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """EXT-X-STREAM-INF: a rendition of the picture with the audio group that belongs to it.

    RFC 8216bis 6.2.4: CODECS "MUST include every media format [RFC6381] present in any Media Segment in any
    of the Renditions specified by the Variant Stream": the audio group's too. Likewise both bit rates are
    sums of picture and sound.
    """

    name: str
    uri: str
    codecs: tuple[str, ...]
    bandwidth_bps: int
    average_bandwidth_bps: int | None = None
    width: int = 0
    """Displayed width; 0 for a variant of sound alone."""
    height: int = 0
    frame_rate: Fraction | None = None
    audio_group: str | None = None
    video_range: str | None = None
    """``SDR``, ``HLG`` or ``PQ``; absent means SDR."""


def render(variants: Sequence[Variant], audio: Sequence[AudioRendition] = ()) -> str:
    """The playlist's text, variants in the order given: players begin with the first.

    Raises ValueError where a rule that only the caller can keep is broken.
    """
    _check(variants, audio)
    lines = ["#EXTM3U", "#EXT-X-VERSION:6", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [_media(rendition) for rendition in audio]
    for variant in variants:
        lines += [_stream_inf(variant), variant.uri]
    return "\n".join(lines) + "\n"


def _check(variants: Sequence[Variant], audio: Sequence[AudioRendition]) -> None:
    if not variants:
        raise ValueError("a multivariant playlist needs a variant")
    groups = {rendition.group for rendition in audio}
    for variant in variants:
        # 4.4.6.2: AUDIO "MUST match the value of the GROUP-ID attribute of an EXT-X-MEDIA tag".
        if variant.audio_group is not None and variant.audio_group not in groups:
            raise ValueError(f"variant {variant.name} names the unknown audio group {variant.audio_group!r}")
        if variant.bandwidth_bps <= 0:
            raise ValueError(f"variant {variant.name} has no bandwidth")
        if not variant.codecs:
            raise ValueError(f"variant {variant.name} names no codec")
        if not variant.uri or variant.uri.startswith("#") or not variant.uri.isprintable():
            raise ValueError(f"variant {variant.name} has no usable URI")
    # 4.4.6.1.1: "All EXT-X-MEDIA tags in the same Group MUST have different NAME attributes", and "A Group
    # MUST NOT have more than one member with a DEFAULT attribute of YES."
    names = [(rendition.group, label(rendition.name)) for rendition in audio]
    if len(set(names)) != len(names):
        raise ValueError("two audio renditions of one group have the same name")
    defaults = [rendition.group for rendition in audio if rendition.default]
    if len(set(defaults)) != len(defaults):
        raise ValueError("two audio renditions of one group are the default")


def _media(rendition: AudioRendition) -> str:
    attributes = [
        "TYPE=AUDIO",
        f"GROUP-ID={quoted(rendition.group)}",
        f"NAME={label(rendition.name)}",
    ]
    if rendition.language:
        attributes.append(f"LANGUAGE={label(rendition.language)}")
    # 4.4.6.1: AUTOSELECT "If the AUTOSELECT attribute is present, its value MUST be YES if the value of the
    # DEFAULT attribute is YES."
    attributes.append(f"DEFAULT={'YES' if rendition.default else 'NO'}")
    attributes.append(f"AUTOSELECT={'YES' if rendition.autoselect or rendition.default else 'NO'}")
    if rendition.channels:
        attributes.append(f'CHANNELS="{rendition.channels}"')
    attributes.append(f"URI={quoted(rendition.uri)}")
    return "#EXT-X-MEDIA:" + ",".join(attributes)


def _stream_inf(variant: Variant) -> str:
    attributes = [f"BANDWIDTH={variant.bandwidth_bps}"]
    if variant.average_bandwidth_bps:
        attributes.append(f"AVERAGE-BANDWIDTH={variant.average_bandwidth_bps}")
    attributes.append(f"CODECS={quoted(','.join(dict.fromkeys(variant.codecs)))}")
    if variant.width and variant.height:
        attributes.append(f"RESOLUTION={variant.width}x{variant.height}")
    if variant.frame_rate:
        # 4.4.6.2: "rounded to three decimal places".
        attributes.append(f"FRAME-RATE={_three_decimals(variant.frame_rate)}")
    if variant.video_range is not None:
        attributes.append(f"VIDEO-RANGE={variant.video_range}")
    if variant.audio_group is not None:
        attributes.append(f"AUDIO={quoted(variant.audio_group)}")
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)


def _three_decimals(value: Fraction) -> str:
    thousandths = math.floor(value * 1000 + Fraction(1, 2))
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"
