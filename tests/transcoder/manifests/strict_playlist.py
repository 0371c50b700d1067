"""A reader that takes nothing but what RFC 8216bis allows; it shares no line with our writer.

It knows the type of every attribute it accepts (4.2), where each tag may stand (4.4), which version a
playlist must and should state (8, 6.2.1), and the limits of parts and segments.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal

INTEGER = re.compile(r"[0-9]{1,20}")
DECIMAL = re.compile(r"[0-9]+(\.[0-9]+)?")
QUOTED = re.compile(r'"[^"\r\n]*"')
ENUMERATED = re.compile(r'[^",\s]+')
RESOLUTION = re.compile(r"[0-9]+x[0-9]+")
YES = re.compile(r"YES")
YES_NO = re.compile(r"YES|NO")

ATTRIBUTES: dict[str, dict[str, tuple[re.Pattern[str], bool]]] = {
    "EXT-X-SERVER-CONTROL": {
        "CAN-SKIP-UNTIL": (DECIMAL, False),
        "CAN-SKIP-DATERANGES": (YES, False),
        "HOLD-BACK": (DECIMAL, False),
        "PART-HOLD-BACK": (DECIMAL, False),
        "CAN-BLOCK-RELOAD": (YES, False),
    },
    "EXT-X-PART-INF": {"PART-TARGET": (DECIMAL, True)},
    "EXT-X-PART": {
        "URI": (QUOTED, True),
        "DURATION": (DECIMAL, True),
        "INDEPENDENT": (YES, False),
        "GAP": (YES, False),
    },
    "EXT-X-MAP": {"URI": (QUOTED, True)},
    "EXT-X-SKIP": {"SKIPPED-SEGMENTS": (INTEGER, True), "RECENTLY-REMOVED-DATERANGES": (QUOTED, False)},
    "EXT-X-PRELOAD-HINT": {"TYPE": (re.compile("PART|MAP"), True), "URI": (QUOTED, True)},
    "EXT-X-RENDITION-REPORT": {
        "URI": (QUOTED, True),
        "LAST-MSN": (INTEGER, True),
        "LAST-PART": (INTEGER, True),
    },
    "EXT-X-STREAM-INF": {
        "BANDWIDTH": (INTEGER, True),
        "AVERAGE-BANDWIDTH": (INTEGER, False),
        "CODECS": (QUOTED, False),
        "RESOLUTION": (RESOLUTION, False),
        "FRAME-RATE": (re.compile(r"[0-9]+\.[0-9]{3}"), False),
        "VIDEO-RANGE": (re.compile("SDR|HLG|PQ"), False),
        "AUDIO": (QUOTED, False),
        "SUBTITLES": (QUOTED, False),
        "CLOSED-CAPTIONS": (re.compile(r'NONE|"[^"\r\n]*"'), False),
    },
    "EXT-X-MEDIA": {
        "TYPE": (ENUMERATED, True),
        "GROUP-ID": (QUOTED, True),
        "NAME": (QUOTED, True),
        "LANGUAGE": (QUOTED, False),
        "DEFAULT": (YES_NO, False),
        "AUTOSELECT": (YES_NO, False),
        "CHANNELS": (QUOTED, False),
        "FORCED": (YES_NO, False),
        "CHARACTERISTICS": (QUOTED, False),
        "INSTREAM-ID": (re.compile(r'"(CC[1-4]|SERVICE[1-9][0-9]?)"'), False),
        "URI": (QUOTED, False),
    },
    "EXT-X-DATERANGE": {
        "ID": (QUOTED, True),
        "CLASS": (QUOTED, False),
        "START-DATE": (re.compile(r'"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"'), True),
        "DURATION": (DECIMAL, False),
    },
}
CLIENT_ATTRIBUTE = re.compile(r'"[^"\r\n]*"|0[xX][0-9A-F]+|[0-9]+(\.[0-9]+)?')
"""4.4.5.1: X- attributes are quoted-strings, hexadecimal-sequences or decimal-floating-points."""

DATE_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")


class Broken(AssertionError):
    """The playlist breaks the specification."""


def need(condition: object, what: str) -> None:
    if not condition:
        raise Broken(what)


def attribute_list(tag: str, text: str) -> dict[str, str]:
    """4.2: "a comma-separated list of attribute/value pairs with no whitespace", each name at most once."""
    schema = ATTRIBUTES[tag]
    found: dict[str, str] = {}
    rest = text
    while True:
        match = re.match(r'([A-Z0-9-]+)=("[^"\r\n]*"|[^",\s]+)', rest)
        if match is None:
            raise Broken(f"{tag}: not an attribute list at {rest!r}")
        name, value = match[1], match[2]
        need(name not in found, f"{tag}: {name} twice")
        if tag == "EXT-X-DATERANGE" and name.startswith("X-"):
            need(CLIENT_ATTRIBUTE.fullmatch(value), f"{tag}: {name}={value} has the wrong type")
        else:
            need(name in schema, f"{tag}: unknown attribute {name}")
            need(schema[name][0].fullmatch(value), f"{tag}: {name}={value} has the wrong type")
        found[name] = value.strip('"')
        rest = rest[match.end() :]
        if not rest:
            break
        need(rest.startswith(",") and len(rest) > 1, f"{tag}: {rest!r} after an attribute")
        rest = rest[1:]
    missing = {name for name, (_, required) in schema.items() if required} - set(found)
    need(not missing, f"{tag}: {missing} are missing")
    return found


@dataclass(frozen=True)
class StrictPart:
    uri: str
    duration: Decimal
    independent: bool
    gap: bool


@dataclass(frozen=True)
class StrictSegment:
    msn: int
    discontinuity_number: int
    uri: str
    duration: Decimal
    map_uri: str | None
    program_time: str | None
    discontinuity: bool
    gap: bool
    parts: tuple[StrictPart, ...]


@dataclass
class StrictPlaylist:
    version: int = 0
    target_duration: int = 0
    part_target: Decimal = Decimal(0)
    server_control: dict[str, str] = field(default_factory=dict)
    media_sequence: int = 0
    discontinuity_sequence: int = 0
    skipped: int = 0
    removed_dateranges: str | None = None
    date_ranges: dict[str, dict[str, str]] = field(default_factory=dict)
    segments: list[StrictSegment] = field(default_factory=list)
    open_parts: list[StrictPart] = field(default_factory=list)
    open_program_time: str | None = None
    hint: str | None = None
    reports: dict[str, tuple[int, int]] = field(default_factory=dict)
    ended: bool = False

    @property
    def duration(self) -> Decimal:
        return sum((segment.duration for segment in self.segments), Decimal(0))

    @property
    def uris(self) -> list[str]:
        return [segment.uri for segment in self.segments]

    def tagged_parts(self) -> list[StrictPart]:
        return [part for segment in self.segments for part in segment.parts] + self.open_parts


def read_media(text: str, *, long_frames: bool = False) -> StrictPlaylist:
    """Parse a media playlist. Raises Broken.

    ``long_frames``: of a publisher that stalls, as those of the end-to-end tests do on a busy machine, one
    frame may be longer than a part can be.
    """
    lines = _lines(text)
    out = StrictPlaylist()
    once: set[str] = set()
    scope = _Scope()
    for line in lines[1:]:
        need(not out.ended, "a line after EXT-X-ENDLIST")
        if not line.startswith("#"):
            scope.close(out, line)
            continue
        tag, _, value = line[1:].partition(":")
        if tag in _ONCE:
            need(tag not in once, f"{tag} twice")
            once.add(tag)
        if tag in _HEAD:
            need(not out.segments and not scope.begun and "EXT-X-SKIP" not in once, f"{tag} is too late")
        _tag(out, scope, tag, value)
    out.open_parts = scope.parts
    out.open_program_time = scope.program_time
    need(scope.duration is None and not scope.gap, "tags of a segment without its URI")
    _check_whole(out, once, Decimal(1) if long_frames else out.part_target)
    return out


_HEAD = frozenset(
    {
        "EXT-X-VERSION",
        "EXT-X-TARGETDURATION",
        "EXT-X-SERVER-CONTROL",
        "EXT-X-PART-INF",
        "EXT-X-MEDIA-SEQUENCE",
        "EXT-X-DISCONTINUITY-SEQUENCE",
    }
)
_ONCE = _HEAD | {"EXT-X-SKIP", "EXT-X-PRELOAD-HINT", "EXT-X-ENDLIST"}


def _lines(text: str) -> list[str]:
    need(text.endswith("\n"), "the last line has no end")
    need("\r" not in text and not text.startswith("\ufeff"), "CR or BOM")
    lines = text[:-1].split("\n")
    need(lines[0] == "#EXTM3U", "4.4.1.1: EXTM3U MUST be the first line")
    need(all(line and line == line.strip() for line in lines), "whitespace or an empty line")
    return lines


class _Scope:
    """Tags gathered for the segment to come."""

    def __init__(self) -> None:
        self.map_uri: str | None = None
        self.numbered = 0
        self.clear()

    def clear(self) -> None:
        self.duration: Decimal | None = None
        self.program_time: str | None = None
        self.discontinuity = False
        self.gap = False
        self.parts: list[StrictPart] = []
        self.begun = False

    def close(self, out: StrictPlaylist, uri: str) -> None:
        if self.duration is None:
            raise Broken(f"{uri} has no EXTINF")
        need(re.fullmatch(r"[A-Za-z0-9._-]+", uri), f"{uri!r} is not one of our names")
        out.segments.append(
            StrictSegment(
                out.media_sequence + out.skipped + len(out.segments),
                out.discontinuity_sequence + self.numbered,
                uri,
                self.duration,
                self.map_uri,
                self.program_time,
                self.discontinuity,
                self.gap,
                tuple(self.parts),
            )
        )
        self.clear()


def _tag(out: StrictPlaylist, scope: _Scope, tag: str, value: str) -> None:
    attributes = attribute_list(tag, value) if tag in ATTRIBUTES else {}
    match tag:
        case "EXT-X-VERSION":
            out.version = int(value)
        case "EXT-X-TARGETDURATION":
            need(INTEGER.fullmatch(value), "TARGETDURATION is a decimal-integer")
            out.target_duration = int(value)
        case "EXT-X-SERVER-CONTROL":
            out.server_control = attributes
        case "EXT-X-PART-INF":
            out.part_target = Decimal(attributes["PART-TARGET"])
        case "EXT-X-MEDIA-SEQUENCE":
            out.media_sequence = int(value)
        case "EXT-X-DISCONTINUITY-SEQUENCE":
            out.discontinuity_sequence = int(value)
        case "EXT-X-SKIP":
            need(not out.segments and not scope.begun, "EXT-X-SKIP stands for the oldest segments")
            out.skipped = int(attributes["SKIPPED-SEGMENTS"])
            need(out.skipped > 0, "EXT-X-SKIP that replaces nothing")
            out.removed_dateranges = attributes.get("RECENTLY-REMOVED-DATERANGES")
        case "EXT-X-DISCONTINUITY" | "EXT-X-MAP" | "EXT-X-PROGRAM-DATE-TIME":
            # 4.4.4.9: "MUST appear before the first EXT-X-PART tag of that Parent Segment"
            need(not scope.parts and scope.duration is None, f"{tag} after a part of its segment")
            scope.begun = True
            if tag == "EXT-X-DISCONTINUITY":
                need(not scope.discontinuity, "two discontinuities before one segment")
                scope.discontinuity = True
                scope.numbered += 1
            elif tag == "EXT-X-MAP":
                scope.map_uri = attributes["URI"]
            else:
                need(DATE_TIME.fullmatch(value), f"{value} is not a date with milliseconds")
                scope.program_time = value
        case "EXT-X-PART":
            need(scope.duration is None, "a part after its segment's EXTINF")
            scope.begun = True
            gap = "GAP" in attributes
            # 3.1.4: a WebVTT segment needs no EXT-X-MAP, where it "start[s] with a WebVTT header".
            needs_map = not gap and not attributes["URI"].endswith(".vtt")
            need(not needs_map or scope.map_uri is not None or out.skipped, "a part before its EXT-X-MAP")
            scope.parts.append(
                StrictPart(
                    attributes["URI"], Decimal(attributes["DURATION"]), "INDEPENDENT" in attributes, gap
                )
            )
        case "EXT-X-GAP":
            scope.begun = scope.gap = True
        case "EXTINF":
            scope.begun = True
            number, comma, title = value.partition(",")
            need(comma and not title and DECIMAL.fullmatch(number), f"EXTINF:{value}")
            scope.duration = Decimal(number)
        case "EXT-X-PRELOAD-HINT":
            out.hint = attributes["URI"]
        case "EXT-X-RENDITION-REPORT":
            need(attributes["URI"] not in out.reports, "two reports of one rendition")
            out.reports[attributes["URI"]] = (int(attributes["LAST-MSN"]), int(attributes["LAST-PART"]))
        case "EXT-X-DATERANGE":
            need(attributes["ID"] not in out.date_ranges, "two date ranges with one ID")
            out.date_ranges[attributes["ID"]] = attributes
        case "EXT-X-ENDLIST":
            out.ended = True
        case _:
            raise Broken(f"{tag} has no place in a live playlist of ours")


def _check_whole(out: StrictPlaylist, once: set[str], longest_part: Decimal) -> None:
    need(once >= _HEAD, f"{_HEAD - once} are missing")
    # 8: 9 for EXT-X-SKIP, 10 where it replaces EXT-X-DATERANGE; 6 for EXT-X-MAP. 6.2.1: not more than that.
    required = 6 if not out.skipped else 9 if out.removed_dateranges is None else 10
    need(out.version == required, f"version {out.version}, required is {required}")
    dated = out.open_program_time or any(segment.program_time for segment in out.segments)
    need(dated or not out.date_ranges, "4.4.5.1: EXT-X-DATERANGE needs an EXT-X-PROGRAM-DATE-TIME")
    need(not (out.ended and out.hint), "4.4.5.3: EXT-X-PRELOAD-HINT beside EXT-X-ENDLIST")
    need(not (out.ended and out.skipped), "6.2.5.1: a delta update of an ended playlist")
    for segment in out.segments:
        rounded = int(segment.duration.quantize(Decimal(1), ROUND_HALF_UP))
        need(rounded <= out.target_duration, f"{segment.uri} is longer than the target duration")
        if segment.parts:
            total = sum((part.duration for part in segment.parts), Decimal(0))
            need(total == segment.duration, f"{segment.uri}: its parts are {total}, it is {segment.duration}")
            need(segment.gap == all(part.gap for part in segment.parts), f"{segment.uri}: EXT-X-GAP")
    for part in out.tagged_parts():
        need(
            Decimal(0) < part.duration <= max(longest_part, out.part_target),
            f"{part.uri} is longer than PART-TARGET",
        )
    uris = out.uris + [part.uri for part in out.tagged_parts()] + ([out.hint] if out.hint else [])
    need(len(set(uris)) == len(uris), "a URI twice")
    control = {name: Decimal(value) for name, value in out.server_control.items() if value != "YES"}
    need(control["HOLD-BACK"] >= 3 * out.target_duration, "HOLD-BACK")
    need(control["CAN-SKIP-UNTIL"] >= 6 * out.target_duration, "CAN-SKIP-UNTIL")
    need(control["PART-HOLD-BACK"] >= 3 * out.part_target, "PART-HOLD-BACK")


def merge(old: StrictPlaylist, delta: StrictPlaylist) -> StrictPlaylist:
    """6.3.7: "A Client MUST merge the contents of a Playlist Delta Update with its previous version"."""
    known = {segment.msn: segment for segment in old.segments}
    skipped = range(delta.media_sequence, delta.media_sequence + delta.skipped)
    need(all(msn in known for msn in skipped), "the delta skips what its client never had")
    carried = [replace(known[msn], parts=()) for msn in skipped]
    number = carried[-1].discontinuity_number if carried else delta.discontinuity_sequence
    map_uri = carried[-1].map_uri if carried else None
    fresh = []
    for segment in delta.segments:
        number += segment.discontinuity
        map_uri = segment.map_uri or map_uri
        fresh.append(replace(segment, discontinuity_number=number, map_uri=map_uri))
    date_ranges = delta.date_ranges
    if delta.removed_dateranges is not None:
        gone = delta.removed_dateranges.split("\t")
        kept = {range_id: each for range_id, each in old.date_ranges.items() if range_id not in gone}
        date_ranges = kept | date_ranges
    return replace(
        delta,
        version=6,
        skipped=0,
        removed_dateranges=None,
        date_ranges=date_ranges,
        segments=carried + fresh,
    )


def read_multivariant(text: str) -> tuple[list[tuple[dict[str, str], str]], list[dict[str, str]]]:
    """The variants (attributes, URI) and the media renditions of a multivariant playlist. Raises Broken."""
    lines = _lines(text)
    variants: list[tuple[dict[str, str], str]] = []
    media: list[dict[str, str]] = []
    pending: dict[str, str] | None = None
    for line in lines[1:]:
        if pending is not None:
            need(not line.startswith("#"), "4.4.6.2: the URI line MUST follow EXT-X-STREAM-INF at once")
            variants.append((pending, line))
            pending = None
            continue
        tag, _, value = line[1:].partition(":")
        if tag == "EXT-X-STREAM-INF":
            pending = attribute_list(tag, value)
        elif tag == "EXT-X-MEDIA":
            media.append(attribute_list(tag, value))
        else:
            known = ("#EXT-X-VERSION:6", "#EXT-X-VERSION:7", "#EXT-X-INDEPENDENT-SEGMENTS")
            need(line in known, f"{line} has no place here")
    need(pending is None and variants, "no variant")
    for kind in ("AUDIO", "SUBTITLES", "CLOSED-CAPTIONS"):
        groups = {rendition["GROUP-ID"] for rendition in media if rendition["TYPE"] == kind} | {"NONE"}
        need(all(v.get(kind, "NONE") in groups for v, _ in variants), f"a group of {kind} that is not there")
    for rendition in media:
        captions = rendition["TYPE"] == "CLOSED-CAPTIONS"
        need(("URI" in rendition) != captions, "4.4.6.1: URI, and not for captions in the video")
        need(("INSTREAM-ID" in rendition) == captions, "4.4.6.1: INSTREAM-ID, for captions in the video only")
        need("FORCED" not in rendition or rendition["TYPE"] == "SUBTITLES", "4.4.6.1: FORCED")
    nones = [v.get("CLOSED-CAPTIONS") == "NONE" for v, _ in variants]
    need(all(nones) or not any(nones), "4.4.6.2: CLOSED-CAPTIONS=NONE on some variants")
    names = [(r["TYPE"], r["GROUP-ID"], r["NAME"]) for r in media]
    need(len(set(names)) == len(names), "4.4.6.1.1: two names alike in a group")
    services = any(r.get("INSTREAM-ID", "").startswith("SERVICE") for r in media)
    need(("#EXT-X-VERSION:7" in lines) == services, "8: version 7 for SERVICE, not otherwise")
    return variants, media
