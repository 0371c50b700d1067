"""The multivariant playlist: which renditions there are (RFC 8216bis 4.4.6)."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from transcoder.manifests.attributes import label, quoted

NO_CAPTIONS: Final = "NONE"
"""Value of ``Variant.captions`` that says: there are none in the video, do not look for them."""
_INSTREAM_ID: Final = re.compile(r"CC[1-4]|SERVICE([1-9]|[1-5][0-9]|6[0-3])")
_TRANSCRIPT: Final = (
    "public.accessibility.transcribes-spoken-dialog,public.accessibility.describes-music-and-sound"
)
"""4.4.6.1, CHARACTERISTICS: subtitles for those who do not hear."""


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
class SubtitleRendition:
    """EXT-X-MEDIA of TYPE=SUBTITLES: WebVTT in its own playlist. Never the default: viewers choose it."""

    group: str
    name: str
    uri: str
    language: str | None = None
    """BCP 47."""
    autoselect: bool = True
    """A player may choose it by the viewer's language, or because the system's captions are on."""
    forced: bool = False
    """4.4.6.1: it "contains content that is considered essential to play"."""
    is_transcript: bool = False
    """Captions: they say who speaks, and what else there is to hear."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CaptionRendition:
    """EXT-X-MEDIA of TYPE=CLOSED-CAPTIONS: captions that are in the video itself."""

    group: str
    name: str
    instream_id: str
    """``CC1`` to ``CC4``, ``SERVICE1`` to ``SERVICE63``."""
    language: str | None = None
    autoselect: bool = True


MediaRendition = AudioRendition | SubtitleRendition | CaptionRendition


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
    subtitle_group: str | None = None
    captions: str | None = None
    """The group of captions in its video, :data:`NO_CAPTIONS`, or None where nothing is promised."""


def distinct(names: Iterable[str]) -> list[str]:
    """The same names, in their order, each only once: a second ``English`` is ``English 2``.

    4.4.6.1.1: "All EXT-X-MEDIA tags in the same Group MUST have different NAME attributes".
    """
    taken: set[str] = set()
    out = []
    for name in names:
        clean = label(name)[1:-1] or "Track"
        chosen, number = clean, 1
        while chosen in taken:
            number += 1
            chosen = f"{clean[:120]} {number}"
        taken.add(chosen)
        out.append(chosen)
    return out


def render(
    variants: Sequence[Variant],
    audio: Sequence[AudioRendition] = (),
    subtitles: Sequence[SubtitleRendition] = (),
    captions: Sequence[CaptionRendition] = (),
) -> str:
    """The playlist's text, variants in the order given: players begin with the first.

    Raises ValueError where a rule that only the caller can keep is broken.
    """
    media: list[MediaRendition] = [*audio, *subtitles, *captions]
    _check(variants, audio, subtitles, captions)
    # 8: "A Multivariant Playlist MUST indicate an EXT-X-VERSION of 7 or higher if it contains […] "SERVICE"
    # values for the INSTREAM-ID attribute".
    version = 7 if any(each.instream_id.startswith("SERVICE") for each in captions) else 6
    lines = ["#EXTM3U", f"#EXT-X-VERSION:{version}", "#EXT-X-INDEPENDENT-SEGMENTS"]
    lines += [_media(rendition) for rendition in media]
    for variant in variants:
        lines += [_stream_inf(variant), variant.uri]
    return "\n".join(lines) + "\n"


def _check(
    variants: Sequence[Variant],
    audio: Sequence[AudioRendition],
    subtitles: Sequence[SubtitleRendition],
    captions: Sequence[CaptionRendition],
) -> None:
    if not variants:
        raise ValueError("a multivariant playlist needs a variant")
    audio_groups = {each.group for each in audio}
    subtitle_groups = {each.group for each in subtitles}
    caption_groups = {each.group for each in captions} | {NO_CAPTIONS}
    for variant in variants:
        # 4.4.6.2: AUDIO, SUBTITLES and CLOSED-CAPTIONS "MUST match the value of the GROUP-ID attribute of an
        # EXT-X-MEDIA tag" of that type.
        for group, groups in (
            (variant.audio_group, audio_groups),
            (variant.subtitle_group, subtitle_groups),
            (variant.captions, caption_groups),
        ):
            if group is not None and group not in groups:
                raise ValueError(f"variant {variant.name} names the unknown group {group!r}")
        if variant.bandwidth_bps <= 0:
            raise ValueError(f"variant {variant.name} has no bandwidth")
        if not variant.codecs:
            raise ValueError(f"variant {variant.name} names no codec")
        _check_uri(variant.name, variant.uri)
    # 4.4.6.2: "if the value is the enumerated-string value NONE, all EXT-X-STREAM-INF tags MUST have this
    # attribute with a value of NONE".
    if any(each.captions == NO_CAPTIONS for each in variants) and any(
        each.captions != NO_CAPTIONS for each in variants
    ):
        raise ValueError("some variants say that there are no captions, and some do not")
    for kind, members in (("audio", audio), ("subtitle", subtitles), ("caption", captions)):
        # 4.4.6.1.1: "All EXT-X-MEDIA tags in the same Group MUST have different NAME attributes".
        names = [(each.group, label(each.name)) for each in members]
        if len(set(names)) != len(names):
            raise ValueError(f"two {kind} renditions of one group have the same name")
    # 4.4.6.1.1: "A Group MUST NOT have more than one member with a DEFAULT attribute of YES."
    defaults = [rendition.group for rendition in audio if rendition.default]
    if len(set(defaults)) != len(defaults):
        raise ValueError("two audio renditions of one group are the default")
    for subtitle in subtitles:
        _check_uri(subtitle.name, subtitle.uri)
    for caption in captions:
        if _INSTREAM_ID.fullmatch(caption.instream_id) is None:
            raise ValueError(f"{caption.instream_id!r} is no INSTREAM-ID")


def _check_uri(name: str, uri: str) -> None:
    if not uri or uri.startswith("#") or not uri.isprintable():
        raise ValueError(f"{name} has no usable URI")


def _media(rendition: MediaRendition) -> str:
    match rendition:
        case AudioRendition():
            return _media_tag("AUDIO", rendition, default=rendition.default, own=_audio_attributes(rendition))
        case SubtitleRendition():
            # 4.4.6.1: FORCED "MUST NOT be present unless the TYPE is SUBTITLES".
            own = [f"FORCED={'YES' if rendition.forced else 'NO'}"]
            if rendition.is_transcript:
                own.append(f"CHARACTERISTICS={quoted(_TRANSCRIPT)}")
            return _media_tag("SUBTITLES", rendition, own=[*own, f"URI={quoted(rendition.uri)}"])
        case CaptionRendition():
            # 4.4.6.1: INSTREAM-ID "is REQUIRED if the TYPE attribute is CLOSED-CAPTIONS"; URI "MUST NOT be
            # present".
            return _media_tag(
                "CLOSED-CAPTIONS", rendition, own=[f"INSTREAM-ID={quoted(rendition.instream_id)}"]
            )


def _audio_attributes(rendition: AudioRendition) -> list[str]:
    channels = [f'CHANNELS="{rendition.channels}"'] if rendition.channels else []
    return [*channels, f"URI={quoted(rendition.uri)}"]


def _media_tag(kind: str, rendition: MediaRendition, *, own: list[str], default: bool = False) -> str:
    attributes = [
        f"TYPE={kind}",
        f"GROUP-ID={quoted(rendition.group)}",
        f"NAME={label(rendition.name)}",
    ]
    if rendition.language:
        attributes.append(f"LANGUAGE={label(rendition.language)}")
    # 4.4.6.1: AUTOSELECT "If the AUTOSELECT attribute is present, its value MUST be YES if the value of the
    # DEFAULT attribute is YES."
    attributes.append(f"DEFAULT={'YES' if default else 'NO'}")
    attributes.append(f"AUTOSELECT={'YES' if rendition.autoselect or default else 'NO'}")
    return "#EXT-X-MEDIA:" + ",".join([*attributes, *own])


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
    if variant.subtitle_group is not None:
        attributes.append(f"SUBTITLES={quoted(variant.subtitle_group)}")
    if variant.captions == NO_CAPTIONS:
        attributes.append(f"CLOSED-CAPTIONS={NO_CAPTIONS}")
    elif variant.captions is not None:
        attributes.append(f"CLOSED-CAPTIONS={quoted(variant.captions)}")
    return "#EXT-X-STREAM-INF:" + ",".join(attributes)


def _three_decimals(value: Fraction) -> str:
    thousandths = math.floor(value * 1000 + Fraction(1, 2))
    return f"{thousandths // 1000}.{thousandths % 1000:03d}"
