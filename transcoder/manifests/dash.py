"""The text of a Media Presentation Description (MPD, ISO/IEC 23009-1). Pure.

Children stand in the order of the schema's sequences; times are on the stream's timeline, whose zero is
``availability_start_ms``. Media times and Period times are the same here: each Period's
presentationTimeOffset is its start, so that nothing is ever shifted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from transcoder.cmaf.language import three_letters
from transcoder.codecs.picture import UNDESCRIBED, Colour
from transcoder.manifests.dash_timeline import Entry
from transcoder.manifests.dates import date_time
from transcoder.manifests.xml import Attribute, element, text_element
from transcoder.media import Kind

CONTENT_TYPE: Final = "application/dash+xml"
PROFILES: Final = "urn:mpeg:dash:profile:isoff-live:2011,urn:mpeg:dash:profile:cmaf:2019"
_NAMESPACE: Final = "urn:mpeg:dash:schema:mpd:2011"
_ROLE: Final = "urn:mpeg:dash:role:2011"
_CHANNELS: Final = "urn:mpeg:dash:23003:3:audio_channel_configuration:2011"
_CEA_608: Final = "urn:scte:dash:cc:cea-608:2015"
_CEA_708: Final = "urn:scte:dash:cc:cea-708:2015"
_SERVICE: Final = "SERVICE"
_SWITCHING: Final = "urn:mpeg:dash:adaptation-set-switching:2016"
_CONNECTED: Final = "urn:mpeg:dash:period-connectivity:2015"
_ASSET: Final = "urn:org:dashif:asset-id:2013"
_CLOCK: Final = "urn:mpeg:dash:utc:http-xsdate:2014"
_COLOUR: Final = "urn:mpeg:mpegB:cicp:"
# xs:language, which is looser than BCP 47.
_LANGUAGE: Final = re.compile(r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Representation:
    """One rendition within a Period."""

    id: str
    """Its name: the same in every Period."""
    bandwidth_bps: int
    codecs: str
    initialization: str
    """URL of the init, relative to the MPD."""
    media: str
    """URL template with ``$Number$``."""
    start_number: int
    timescale: int
    presentation_time_offset: int
    """Ticks of the media timeline at which the Period starts."""
    availability_time_offset_s: float | None
    """How much before its end the last segment can be asked for; None where all are whole."""
    entries: Sequence[Entry]
    width: int = 0
    height: int = 0
    sample_aspect: Fraction = Fraction(1)
    frame_rate: Fraction | None = None
    sample_rate: int = 0
    channels: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class AdaptationSet:
    """Representations between which a player may switch."""

    id: int
    """The same in every Period."""
    kind: Kind
    representations: Sequence[Representation]
    language: str | None = None
    label: str | None = None
    role: str = "main"
    captions: Sequence[tuple[str, str | None]] = ()
    """Channels of CEA-608 (``CC1``) and services of CEA-708 (``SERVICE1``) that are in the pictures, each
    with its language (BCP 47)."""
    colour: Colour = UNDESCRIBED
    switches_with: Sequence[int] = ()
    """Sets of the same pictures in another format."""
    continues: str | None = None
    """Id of the Period before, where this one goes on with the same inits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A stretch of the timeline in which nothing changes but time."""

    id: str
    start_ms: int
    sets: Sequence[AdaptationSet]


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What an MPD says. ``end_ms`` of a stream that is over; None while it goes on."""

    id: str
    """Of the run: the same as long as its timeline is. Its Periods are parts of one asset, too, however often
    it was interrupted (AssetIdentifier)."""
    availability_start_ms: int
    """Unix time of the timeline's zero."""
    publish_ms: int
    """Unix time of this version."""
    periods: Sequence[Period]
    update_s: float
    depth_s: float
    """How far back segments can be fetched, counted from now."""
    max_segment_s: float
    latency_ms: int
    """How far behind the source a player should be."""
    delay_s: float
    """The same for players that wait for whole segments."""
    end_ms: int | None = None


def render(manifest: Manifest) -> str:
    """The document's text. Raises ValueError for one without a Period: there is nothing to play."""
    if not manifest.periods:
        raise ValueError("an MPD needs a Period")
    live = manifest.end_ms is None
    attributes: list[Attribute] = [
        ("xmlns", _NAMESPACE),
        ("id", manifest.id),
        ("type", "dynamic" if live else "static"),
        ("profiles", PROFILES),
        ("availabilityStartTime", date_time(manifest.availability_start_ms)),
        ("publishTime", date_time(manifest.publish_ms)),
        ("minBufferTime", "PT1S"),
        ("maxSegmentDuration", duration(manifest.max_segment_s)),
    ]
    if live:
        attributes += [
            ("minimumUpdatePeriod", duration(manifest.update_s)),
            ("timeShiftBufferDepth", duration(manifest.depth_s)),
            ("suggestedPresentationDelay", duration(manifest.delay_s)),
        ]
    else:
        attributes.append(("mediaPresentationDuration", duration((manifest.end_ms or 0) / 1000)))
    children = [_service_description(manifest)] if live else []
    children += [_period(period, manifest, live=live) for period in manifest.periods]
    if live:
        # The stream's own clock: a wall clock that is set leaves it alone, and so do players.
        children.append(element("UTCTiming", [("schemeIdUri", _CLOCK), ("value", "time")]))
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + element("MPD", attributes, children)


def duration(seconds: float) -> str:
    """xs:duration in seconds, to the millisecond."""
    return f"PT{round(seconds * 1000) / 1000:.3f}".rstrip("0").rstrip(".") + "S"


def _service_description(manifest: Manifest) -> str:
    latency = [
        ("referenceId", manifest.periods[-1].sets[0].id),
        ("target", manifest.latency_ms),
        ("max", 4 * manifest.latency_ms),
        ("min", manifest.latency_ms // 2),
    ]
    rates = [("max", "1.1"), ("min", "0.9")]
    return element(
        "ServiceDescription", [("id", 0)], [element("Latency", latency), element("PlaybackRate", rates)]
    )


def _period(period: Period, manifest: Manifest, *, live: bool) -> str:
    head = [("id", period.id), ("start", duration(period.start_ms / 1000))]
    asset = element("AssetIdentifier", [("schemeIdUri", _ASSET), ("value", manifest.id)])
    start_unix_ms = manifest.availability_start_ms + period.start_ms
    sets = [_adaptation_set(each, start_unix_ms, live=live) for each in period.sets]
    return element("Period", head, [asset, *sets])


def _adaptation_set(each: AdaptationSet, start_unix_ms: int, *, live: bool) -> str:
    language = each.language if each.language and _LANGUAGE.fullmatch(each.language) else None
    attributes: list[Attribute] = [
        ("id", each.id),
        ("lang", language),
        ("contentType", each.kind.value),
        ("mimeType", f"{each.kind.value}/mp4"),
        ("segmentAlignment", "true"),
        ("startWithSAP", 1),
    ]
    children = [_supplement(scheme, value) for scheme, value in _supplements(each)]
    if each.label:
        children.append(text_element("Label", [], each.label))
    if live:
        children.append(_producer_reference_time(each, start_unix_ms))
    for scheme, value in _captions(each):
        children.append(element("Accessibility", [("schemeIdUri", scheme), ("value", value)]))
    children.append(element("Role", [("schemeIdUri", _ROLE), ("value", each.role)]))
    children += [_representation(one) for one in each.representations]
    return element("AdaptationSet", attributes, children)


def _supplements(each: AdaptationSet) -> Iterable[tuple[str, str]]:
    if each.colour.video_range != "SDR":
        yield f"{_COLOUR}ColourPrimaries", str(each.colour.primaries)
        yield f"{_COLOUR}TransferCharacteristics", str(each.colour.transfer)
        yield f"{_COLOUR}MatrixCoefficients", str(each.colour.matrix)
    if each.switches_with:
        yield _SWITCHING, ",".join(map(str, each.switches_with))
    if each.continues is not None:
        yield _CONNECTED, each.continues


def _captions(each: AdaptationSet) -> Iterable[tuple[str, str]]:
    """ANSI/SCTE 214-1 6.1: which captions are in the pictures, in three-letter languages."""
    spoken = {channel: three_letters(language) for channel, language in each.captions}
    channels = [f"{name}={language}" for name, language in spoken.items() if name.startswith("CC")]
    services = [
        f"{name.removeprefix(_SERVICE)}=lang:{language}"
        for name, language in spoken.items()
        if name.startswith(_SERVICE)
    ]
    if channels:
        yield _CEA_608, ";".join(channels)
    if services:
        yield _CEA_708, ";".join(services)


def _supplement(scheme: str, value: str) -> str:
    return element("SupplementalProperty", [("schemeIdUri", scheme), ("value", value)])


def _producer_reference_time(each: AdaptationSet, start_unix_ms: int) -> str:
    # 5.12: which media time the source had at which time of the clock. "encoder" is nearest to what we know,
    # the arrival at this server, and players subtract no other kind from their latency.
    attributes: list[Attribute] = [
        ("id", each.id),
        ("type", "encoder"),
        ("wallClockTime", date_time(start_unix_ms)),
        ("presentationTime", each.representations[0].presentation_time_offset),
    ]
    clock = element("UTCTiming", [("schemeIdUri", _CLOCK), ("value", "time")])
    return element("ProducerReferenceTime", attributes, [clock])


def _representation(one: Representation) -> str:
    attributes: list[Attribute] = [
        ("id", one.id),
        ("bandwidth", one.bandwidth_bps),
        ("codecs", one.codecs),
    ]
    if one.width and one.height:
        aspect = one.sample_aspect
        attributes += [
            ("width", one.width),
            ("height", one.height),
            ("sar", f"{aspect.numerator}:{aspect.denominator}"),
        ]
    if one.frame_rate:
        attributes.append(("frameRate", str(one.frame_rate)))
    if one.sample_rate:
        attributes.append(("audioSamplingRate", one.sample_rate))
    children = []
    if one.channels:
        children.append(
            element("AudioChannelConfiguration", [("schemeIdUri", _CHANNELS), ("value", one.channels)])
        )
    children.append(_template(one))
    return element("Representation", attributes, children)


def _template(one: Representation) -> str:
    offset_s = one.availability_time_offset_s
    attributes: list[Attribute] = [
        ("timescale", one.timescale),
        ("presentationTimeOffset", one.presentation_time_offset or None),
        ("availabilityTimeOffset", None if offset_s is None else f"{offset_s:.3f}"),
        ("availabilityTimeComplete", None if offset_s is None else "false"),
        ("initialization", one.initialization),
        ("media", one.media),
        ("startNumber", one.start_number),
    ]
    return element("SegmentTemplate", attributes, [element("SegmentTimeline", (), _entries(one.entries))])


def _entries(entries: Sequence[Entry]) -> Iterable[str]:
    end = None
    for entry in entries:
        time = None if entry.time == end else entry.time
        yield element("S", [("t", time), ("d", entry.duration), ("r", entry.repeat or None)])
        end = entry.time + entry.duration * (entry.repeat + 1)
