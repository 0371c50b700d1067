"""The multivariant playlist of a live stream, from what its renditions are at this moment. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from types import MappingProxyType

from mediaserver.live.captions import TEXT_CHANNEL
from mediaserver.live.output import RenditionOutput, TextOutput
from transcoder.codecs import colour, rfc6381
from transcoder.ladder import Rendition
from transcoder.manifests.multivariant import AudioRendition, SubtitleRendition, Variant, distinct, render
from transcoder.media import Kind

AUDIO_GROUP = "audio"
SUBTITLE_GROUP = "subtitles"
NO_TEXTS: Mapping[str, TextOutput] = MappingProxyType({})
_TEXT_NAMES = {"CC1": "Captions", TEXT_CHANNEL: "Captions"}
"""The others are called by their channel."""
CONTAINER_SHARE = 1.06
"""Boxes around the media: what a measured rendition of 128 kbit/s to 5 Mbit/s adds, with room to spare."""
ENCODER_PEAK = 1.15
"""Peak over target of our encoders under their VBV, until it is measured."""


def multivariant_text(
    outputs: Sequence[RenditionOutput],
    frame_rates: Mapping[str, Fraction],
    texts: Mapping[str, TextOutput] = NO_TEXTS,
) -> str | None:
    """The playlist's text, or None while nothing can be played."""
    ready = [output for output in outputs if output.listed and output.track and output.window.is_playable]
    video = [output for output in ready if output.rendition.kind is Kind.VIDEO]
    audio = [output for output in ready if output.rendition.kind is Kind.AUDIO]
    if not ready:
        return None
    sound = audio[0] if audio else None
    # Sound alone is one variant; what else there is to hear are its alternatives, not lower qualities of it.
    leading = video or audio[:1]
    offered = audio if video or len(audio) > 1 else []
    names = distinct(output.rendition.label or output.rendition.name for output in offered)
    renditions = [
        AudioRendition(
            group=AUDIO_GROUP,
            name=name,
            uri=f"{output.rendition.name}/media.m3u8",
            language=output.rendition.language,
            default=output is sound,
            channels=output.track.channels if output.track else 0,
        )
        for name, output in zip(names, offered, strict=True)
    ]
    subtitles = _subtitles({name: text for name, text in texts.items() if text.window.is_playable})
    group = SUBTITLE_GROUP if subtitles else None
    variants = [_variant(output, offered, frame_rates, group) for output in leading]
    return render(variants, renditions, subtitles)


def _subtitles(texts: Mapping[str, TextOutput]) -> list[SubtitleRendition]:
    """What is in the video too is only offered here: a player that showed both would show it twice."""
    labels = distinct(text.language or _TEXT_NAMES.get(text.channel, text.channel) for text in texts.values())
    return [
        SubtitleRendition(
            group=SUBTITLE_GROUP,
            name=shown,
            uri=f"{name}/media.m3u8",
            language=text.language,
            is_transcript=True,
        )
        for shown, (name, text) in zip(labels, texts.items(), strict=True)
    ]


def _variant(
    output: RenditionOutput,
    audio: Sequence[RenditionOutput],
    frame_rates: Mapping[str, Fraction],
    subtitle_group: str | None,
) -> Variant:
    rendition = output.rendition
    # RFC 8216bis 4.4.6.2: BANDWIDTH is "the largest sum of peak segment bit rates that is produced by any
    # playable combination of Renditions". 6.2.4: CODECS "MUST include every media format [RFC6381] present in
    # any Media Segment in any of the Renditions specified by the Variant Stream".
    beside = [each for each in audio if each is not output]
    together = [output, *sorted(beside, key=_peak_bps)[-1:]] if rendition.kind is Kind.VIDEO else [output]
    averages = [each.window.bandwidth.average_bps for each in together]
    return Variant(
        name=rendition.name,
        uri=f"{rendition.name}/media.m3u8",
        codecs=tuple(rfc6381(each.track) for each in (output, *beside) if each.track is not None),
        bandwidth_bps=sum(_peak_bps(each) for each in together),
        average_bandwidth_bps=sum(filter(None, averages)) if all(averages) else None,
        width=rendition.width,
        height=rendition.height,
        frame_rate=frame_rates.get(rendition.name),
        audio_group=AUDIO_GROUP if audio else None,
        video_range=_video_range(output),
        subtitle_group=subtitle_group,
    )


def _video_range(output: RenditionOutput) -> str | None:
    """Only said where it is not what everybody assumes."""
    if output.track is None or output.rendition.kind is not Kind.VIDEO:
        return None
    video_range = colour(output.track).video_range
    return None if video_range == "SDR" else video_range


def _peak_bps(output: RenditionOutput) -> int:
    """Measured; before the first segment has ended, what is to be expected."""
    expected = _expected_bps(output.rendition, output)
    measured = output.window.bandwidth.peak_bps
    return measured if measured is not None else expected


def _expected_bps(rendition: Rendition, output: RenditionOutput) -> int:
    if rendition.bitrate_bps is not None:
        return round(rendition.bitrate_bps * ENCODER_PEAK * CONTAINER_SHARE)
    statistics = output.window.statistics()
    return max(64_000, round(statistics.listed_bytes * 8 / max(0.1, statistics.listed_s)))
