"""A small strict reader of live MPDs: element order and attribute types of the schema, and its arithmetic.

Written from ISO/IEC 23009-1 (2019, 2022) by hand: only the elements that we write are known, and anything
else is an error.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from xml.etree import ElementTree

NAMESPACE = "{urn:mpeg:dash:schema:mpd:2011}"

UNSIGNED = r"\d{1,20}"
DURATION = r"PT\d+(\.\d{1,3})?S"
DATE_TIME = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"
URL = r"[A-Za-z0-9._$/-]+"
TEXT = r".+"
URN = r"urn:[a-zA-Z0-9._:-]+"
NUMBER = r"\d+(\.\d+)?"

DESCRIPTOR = {"schemeIdUri": URN, "value": TEXT}

ATTRIBUTES: dict[str, dict[str, str]] = {
    "MPD": {
        "id": TEXT,
        "type": "static|dynamic",
        "profiles": r"urn:[^,]+(,urn:[^,]+)*",
        "availabilityStartTime": DATE_TIME,
        "publishTime": DATE_TIME,
        "minBufferTime": DURATION,
        "maxSegmentDuration": DURATION,
        "minimumUpdatePeriod": DURATION,
        "timeShiftBufferDepth": DURATION,
        "suggestedPresentationDelay": DURATION,
        "mediaPresentationDuration": DURATION,
    },
    "ServiceDescription": {"id": UNSIGNED},
    "Latency": {"referenceId": UNSIGNED, "target": UNSIGNED, "max": UNSIGNED, "min": UNSIGNED},
    "PlaybackRate": {"max": NUMBER, "min": NUMBER},
    "Period": {"id": TEXT, "start": DURATION},
    "AssetIdentifier": DESCRIPTOR,
    "AdaptationSet": {
        "id": UNSIGNED,
        "lang": r"[a-zA-Z]{1,8}(-[a-zA-Z0-9]{1,8})*",
        "contentType": "video|audio",
        "mimeType": "(video|audio)/mp4",
        "segmentAlignment": "true",
        "startWithSAP": "[1-6]",
    },
    "SupplementalProperty": DESCRIPTOR,
    "Label": {},
    "ProducerReferenceTime": {
        "id": UNSIGNED,
        "type": "encoder|captured",
        "wallClockTime": DATE_TIME,
        "presentationTime": UNSIGNED,
    },
    "UTCTiming": DESCRIPTOR,
    "Accessibility": DESCRIPTOR,
    "Role": DESCRIPTOR,
    "Representation": {
        "id": r"[^\s]+",
        "bandwidth": UNSIGNED,
        "codecs": r"[A-Za-z0-9.-]+",
        "width": UNSIGNED,
        "height": UNSIGNED,
        "sar": r"\d+:\d+",
        "frameRate": r"\d+(/\d+)?",
        "audioSamplingRate": UNSIGNED,
    },
    "AudioChannelConfiguration": DESCRIPTOR,
    "SegmentTemplate": {
        "timescale": UNSIGNED,
        "presentationTimeOffset": UNSIGNED,
        "availabilityTimeOffset": NUMBER,
        "availabilityTimeComplete": "true|false",
        "initialization": URL,
        "media": URL,
        "startNumber": UNSIGNED,
    },
    "SegmentTimeline": {},
    "S": {"t": UNSIGNED, "d": r"[1-9]\d*", "r": r"[1-9]\d*"},
}
OPTIONAL = {
    "minimumUpdatePeriod", "timeShiftBufferDepth", "suggestedPresentationDelay", "mediaPresentationDuration",
    "lang", "width", "height", "sar", "frameRate", "audioSamplingRate", "presentationTimeOffset",
    "availabilityTimeOffset", "availabilityTimeComplete", "t", "r",
}  # fmt: skip
CHILDREN = {
    "MPD": ["ServiceDescription*", "Period+", "UTCTiming*"],
    "ServiceDescription": ["Latency*", "PlaybackRate*"],
    "Period": ["AssetIdentifier?", "AdaptationSet+"],
    "AdaptationSet": [
        "SupplementalProperty*", "Label*", "ProducerReferenceTime*", "Accessibility*", "Role*",
        "Representation+",
    ],
    "ProducerReferenceTime": ["UTCTiming?"],
    "Representation": ["AudioChannelConfiguration*", "SegmentTemplate"],
    "SegmentTemplate": ["SegmentTimeline"],
    "SegmentTimeline": ["S+"],
}  # fmt: skip


@dataclass(frozen=True)
class ReadSegment:
    number: int
    start: Fraction
    """On the presentation timeline, in seconds."""
    ticks: int
    duration: int
    url: str


@dataclass
class ReadRepresentation:
    id: str
    attributes: dict[str, str]
    template: dict[str, str]
    segments: list[ReadSegment] = field(default_factory=list)


@dataclass
class ReadSet:
    id: str
    attributes: dict[str, str]
    element: ElementTree.Element
    representations: list[ReadRepresentation] = field(default_factory=list)

    def values(self, name: str) -> list[str]:
        return [each.attrib["value"] for each in self.element.findall(NAMESPACE + name)]


@dataclass
class ReadPeriod:
    id: str
    start: Fraction
    sets: list[ReadSet] = field(default_factory=list)

    @property
    def representations(self) -> dict[str, ReadRepresentation]:
        return {each.id: each for one in self.sets for each in one.representations}


@dataclass
class ReadMpd:
    attributes: dict[str, str]
    periods: list[ReadPeriod] = field(default_factory=list)

    @property
    def start_s(self) -> float:
        return datetime.fromisoformat(self.attributes["availabilityStartTime"]).timestamp()


def read_mpd(text: str) -> ReadMpd:
    """Raises AssertionError where a rule is broken."""
    root = ElementTree.fromstring(text)
    assert text.startswith('<?xml version="1.0" encoding="UTF-8"?>')
    _check(root)
    mpd = ReadMpd(dict(root.attrib))
    dynamic = mpd.attributes["type"] == "dynamic"
    for name in ("minimumUpdatePeriod", "timeShiftBufferDepth"):
        assert (name in mpd.attributes) == dynamic, name
    assert ("mediaPresentationDuration" in mpd.attributes) == (not dynamic)
    mpd.periods = [_period(each, dynamic=dynamic) for each in root.findall(f"{NAMESPACE}Period")]
    ids = [period.id for period in mpd.periods]
    assert len(set(ids)) == len(ids)
    starts = [period.start for period in mpd.periods]
    assert starts == sorted(set(starts))
    for period, following in zip(mpd.periods, mpd.periods[1:], strict=False):
        for each in period.representations.values():
            assert each.segments[-1].start < following.start
    references = {each.attrib["id"] for each in root.iter(f"{NAMESPACE}ProducerReferenceTime")}
    for latency in root.iter(f"{NAMESPACE}Latency"):
        assert latency.attrib["referenceId"] in references
        assert int(latency.attrib["min"]) <= int(latency.attrib["target"]) <= int(latency.attrib["max"])
    return mpd


def seconds(value: str) -> Fraction:
    return Fraction(value.removeprefix("PT").removesuffix("S"))


def _check(element: ElementTree.Element) -> None:
    name = element.tag.removeprefix(NAMESPACE)
    known = ATTRIBUTES[name]
    for key, value in element.attrib.items():
        assert key in known, f"{name}@{key}"
        assert re.fullmatch(known[key], value), f"{name}@{key}={value!r}"
    assert set(known) - OPTIONAL <= set(element.attrib), f"{name} lacks an attribute: {element.attrib}"
    order = "".join(f"{child.tag.removeprefix(NAMESPACE)};" for child in element)
    pattern = "".join(
        f"({each.rstrip('*+?')};){each[-1] if each[-1] in '*+?' else ''}" for each in CHILDREN.get(name, [])
    )
    assert re.fullmatch(pattern, order), f"children of {name}: {order}"
    for child in element:
        _check(child)


def _period(element: ElementTree.Element, *, dynamic: bool) -> ReadPeriod:
    period = ReadPeriod(element.attrib["id"], seconds(element.attrib["start"]))
    for child in element.findall(f"{NAMESPACE}AdaptationSet"):
        one = ReadSet(child.attrib["id"], dict(child.attrib), child)
        one.representations = [
            _representation(each, period.start, dynamic=dynamic)
            for each in child.findall(f"{NAMESPACE}Representation")
        ]
        kind = one.attributes["contentType"]
        assert one.attributes["mimeType"] == f"{kind}/mp4"
        for each in one.representations:
            assert ("width" in each.attributes) == (kind == "video")
            assert ("audioSamplingRate" in each.attributes) == (kind == "audio")
        period.sets.append(one)
    assert len({one.id for one in period.sets}) == len(period.sets)
    assert len(period.representations) == sum(len(one.representations) for one in period.sets)
    return period


def _representation(element: ElementTree.Element, start: Fraction, *, dynamic: bool) -> ReadRepresentation:
    template = element.find(f"{NAMESPACE}SegmentTemplate")
    assert template is not None
    found = ReadRepresentation(element.attrib["id"], dict(element.attrib), dict(template.attrib))
    assert int(found.attributes["bandwidth"]) > 0
    assert ("availabilityTimeOffset" in found.template) == dynamic
    assert found.template["media"].count("$Number$") == 1
    timescale, offset = (
        int(found.template["timescale"]),
        int(found.template.get("presentationTimeOffset", "0")),
    )
    # 5.3.2.2: the offset is the media time at the start of the Period; here both count from the same zero.
    assert abs(Fraction(offset, timescale) - start) < Fraction(1, timescale)
    for number, (ticks, duration) in enumerate(_entries(template), int(found.template["startNumber"])):
        at = Fraction(ticks - offset, timescale) + start
        assert at >= start, "a segment begins before its Period"
        url = found.template["media"].replace("$Number$", str(number))
        found.segments.append(ReadSegment(number, at, ticks, duration, url))
    return found


def _entries(template: ElementTree.Element) -> Iterator[tuple[int, int]]:
    time: int | None = None
    for entry in template.iter(f"{NAMESPACE}S"):
        told = entry.attrib.get("t")
        assert told is not None or time is not None, "the first S needs its time"
        assert time is None or told is None or int(told) == time, "a hole in the timeline, or an overlap"
        time = int(told) if told is not None else time
        assert time is not None
        for _ in range(int(entry.attrib.get("r", "0")) + 1):
            yield time, int(entry.attrib["d"])
            time += int(entry.attrib["d"])
