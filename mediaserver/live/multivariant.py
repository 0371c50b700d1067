"""The multivariant playlist of a live stream, from what its renditions are at this moment. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from mediaserver.live.output import RenditionOutput
from transcoder.codecs import colour, rfc6381
from transcoder.ladder import Rendition
from transcoder.manifests.multivariant import AudioRendition, Variant, render
from transcoder.media import Kind

AUDIO_GROUP = "audio"
CONTAINER_SHARE = 1.06
"""Boxes around the media: what a measured rendition of 128 kbit/s to 5 Mbit/s adds, with room to spare."""
ENCODER_PEAK = 1.15
"""Peak over target of our encoders under their VBV, until it is measured."""


def multivariant_text(outputs: Sequence[RenditionOutput], frame_rates: dict[str, Fraction]) -> str | None:
    """The playlist's text, or None while nothing can be played."""
    ready = [output for output in outputs if output.listed and output.track and output.window.is_playable]
    video = [output for output in ready if output.rendition.kind is Kind.VIDEO]
    audio = [output for output in ready if output.rendition.kind is Kind.AUDIO]
    if not video:
        return render([_variant(output, None, frame_rates) for output in audio]) if audio else None
    sound = audio[0] if audio else None
    renditions = [
        AudioRendition(
            group=AUDIO_GROUP,
            name=output.rendition.name,
            uri=f"{output.rendition.name}/media.m3u8",
            language=output.track.language if output.track else None,
            default=output is sound,
            channels=output.track.channels if output.track else 0,
        )
        for output in audio
    ]
    return render([_variant(output, sound, frame_rates) for output in video], renditions)


def _variant(
    output: RenditionOutput, sound: RenditionOutput | None, frame_rates: dict[str, Fraction]
) -> Variant:
    rendition = output.rendition
    together = [output] if sound is None else [output, sound]
    averages = [each.window.bandwidth.average_bps for each in together]
    return Variant(
        name=rendition.name,
        uri=f"{rendition.name}/media.m3u8",
        codecs=tuple(rfc6381(each.track) for each in together if each.track is not None),
        bandwidth_bps=sum(_peak_bps(each) for each in together),
        average_bandwidth_bps=sum(filter(None, averages)) if all(averages) else None,
        width=rendition.width,
        height=rendition.height,
        frame_rate=frame_rates.get(rendition.name),
        audio_group=AUDIO_GROUP if sound is not None else None,
        video_range=_video_range(output),
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
