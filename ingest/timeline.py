"""One continuous timeline out of a publisher's 32-bit millisecond timestamps.

Publishers' clocks start anywhere, wrap at 2^32, jump, and run backwards when an encoder restarts. Here every
message is mapped to ``timeline = timestamp + offset``. An offset and the stretch of timestamps it holds for
are a *domain*. All tracks share the domains, so sound and picture stay together: when one track jumps, it
opens a new domain; the other track's late messages still fit the old one better and use it, and its first
message behind the jump joins the new one under the same offset.

Pure: arrival times come in as arguments. All state is a few numbers for each track.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.media import VIDEO_TIMESCALE

_WRAP: Final = 1 << 32
_TICKS_PER_MS: Final = VIDEO_TIMESCALE // 1000
_NS_PER_MS: Final = 1_000_000
_NS_PER_S: Final = 1_000_000_000


@dataclass(frozen=True, slots=True)
class TimelineConfig:
    """The rules' thresholds. The defaults are for encoders in the field."""

    start_ms: int = 1_000
    """Where the first message lands. Room for sound that starts before picture, and for negative
    composition times."""
    gap_ms: int = 1_500
    """A step forward up to this is a gap in the source and is kept."""
    backstep_ms: int = 40
    """A step backward up to this is rounding and is ironed out in place."""
    join_ms: int = 3_000
    """How far one track's messages may lie from another's and still share its clock."""
    splice_ms: int = 250
    """How far one track may be behind the other when its clock jumps and still start level with it."""
    forget_s: float = 5.0
    """An unused domain is dropped after this, counted in arrival time."""
    composition_ms: int = 10_000
    """A picture shown further than this from its decoding is a broken field and shown at once: sixteen
    pictures of reordering, the most that H.264 and H.265 know, last this long at two pictures a second."""
    sample_error_ms: int = 20
    """How far sound may be off its sample grid before the grid is laid anew."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """A unit's times in its track's timescale, never negative; ``dts`` strictly increases."""

    dts: int
    pts: int


@dataclass(frozen=True, slots=True)
class TimelineStatistics:
    jumps: int
    """New domains after the first: the publisher's clock broke."""
    lifts: int
    """A track joined a jump behind its own last unit, so that both were moved on."""
    backsteps: int
    """Units ironed out because they stepped back a little."""
    audio_corrections: int
    """Times that a sound track's sample grid was laid anew."""

    @property
    def corrections(self) -> int:
        """Of all kinds."""
        return self.jumps + self.lifts + self.backsteps + self.audio_corrections


class _Domain:
    __slots__ = ("offset_ms", "raw_ms", "used_s")

    def __init__(self, raw_ms: int, offset_ms: int, now_s: float) -> None:
        self.raw_ms = raw_ms
        """The latest timestamp seen, unwrapped (may pass 2^32 or fall below 0)."""
        self.offset_ms = offset_ms
        self.used_s = now_s

    def place(self, raw_ms: int) -> tuple[int, int]:
        """A timestamp unwrapped to the nearest of this domain's, and its place on the timeline."""
        difference = (raw_ms - self.raw_ms + _WRAP // 2) % _WRAP - _WRAP // 2
        unwrapped = self.raw_ms + difference
        return unwrapped, unwrapped + self.offset_ms


class _Track:
    __slots__ = ("arrival_s", "domain", "last_dts", "last_ms", "next_sample", "sample_rate", "step_ms")

    def __init__(self) -> None:
        self.domain: _Domain | None = None
        self.last_ms = 0
        self.step_ms = 0
        """Distance of the last two messages: where the next one is expected."""
        self.arrival_s = 0.0
        self.last_dts = -1
        self.next_sample: int | None = None
        self.sample_rate = 0


class Timeline:
    """Maps the timestamps of one publisher's tracks. Feed it every frame in order of arrival."""

    def __init__(self, config: TimelineConfig | None = None) -> None:
        self._config = config or TimelineConfig()
        self._domains: list[_Domain] = []
        """Newest first; the first is where the publisher's clock was last seen to jump to."""
        self._tracks: dict[int, _Track] = {}
        self._lead_ms: float | None = None
        """How far the timeline ran ahead of arrival at most: the edge of what can have happened by now."""
        self._lead_at_s = 0.0
        self._jumps = 0
        self._lifts = 0
        self._backsteps = 0
        self._audio_corrections = 0

    def statistics(self) -> TimelineStatistics:
        return TimelineStatistics(self._jumps, self._lifts, self._backsteps, self._audio_corrections)

    def video(
        self, track_id: int, timestamp_ms: int, composition_ms: int, arrival_s: float, offset_ns: int = 0
    ) -> Stamp:
        """Times of a picture in 90 kHz ticks. ``timestamp_ms`` is a decoding time modulo 2^32.

        ``offset_ns`` is what the publisher adds to it (enhanced RTMP's TimestampOffsetNano, below 1 ms):
        it makes the times exact, and has no say in which clock the message is on.
        """
        track = self._track(track_id)
        dts = self._place(track, timestamp_ms, arrival_s) * _TICKS_PER_MS
        dts += (2 * offset_ns * _TICKS_PER_MS + _NS_PER_MS) // (2 * _NS_PER_MS)
        if dts <= track.last_dts:
            dts = track.last_dts + 1
        track.last_dts = dts
        if abs(composition_ms) > self._config.composition_ms:
            composition_ms = 0
        return Stamp(dts, max(0, dts + composition_ms * _TICKS_PER_MS))

    def audio(
        self,
        track_id: int,
        timestamp_ms: int,
        samples: int,
        sample_rate: int,
        arrival_s: float,
        offset_ns: int = 0,
    ) -> Stamp:
        """Times of an audio frame in samples.

        Milliseconds are too coarse for sound: frames are laid end to end, and the timestamps only steer.
        """
        track = self._track(track_id)
        placed_ns = self._place(track, timestamp_ms, arrival_s) * _NS_PER_MS + offset_ns
        measured = (2 * placed_ns * sample_rate + _NS_PER_S) // (2 * _NS_PER_S)
        if track.sample_rate != sample_rate:
            if track.sample_rate:
                track.last_dts = track.last_dts * sample_rate // track.sample_rate
            track.sample_rate = sample_rate
            track.next_sample = None
        dts = measured
        if track.next_sample is not None:
            if abs(measured - track.next_sample) * 1000 <= self._config.sample_error_ms * sample_rate:
                dts = track.next_sample
            else:
                self._audio_corrections += 1
        dts = max(dts, track.last_dts + 1)
        track.last_dts = dts
        track.next_sample = dts + samples
        return Stamp(dts, dts)

    def moment_s(self, timestamp_ms: int, now_s: float) -> float | None:
        """Where a message without a track of its own (a caption, a cue point) stands, in seconds.

        Changes nothing. A timestamp on none of the publisher's clocks (many senders leave it 0) means now:
        where the media has come to. None: there is no media yet.
        """
        if not self._tracks:
            return None
        for domain in self._domains:
            unwrapped, placed = domain.place(timestamp_ms)
            if abs(unwrapped - domain.raw_ms) <= self._config.join_ms + self._elapsed_ms(domain, now_s):
                return max(0, placed) / 1000
        return max(track.last_ms for track in self._tracks.values()) / 1000

    def _track(self, track_id: int) -> _Track:
        track = self._tracks.get(track_id)
        if track is None:
            track = self._tracks[track_id] = _Track()
        return track

    def _place(self, track: _Track, raw_ms: int, now_s: float) -> int:
        """The message's place on the timeline, in milliseconds."""
        domain, unwrapped, placed = self._choose(track, raw_ms, now_s)
        if domain is not track.domain:
            track.domain = domain
        domain.raw_ms = unwrapped
        domain.used_s = now_s
        if placed > track.last_ms:
            track.step_ms = min(placed - track.last_ms, 100)
            track.last_ms = placed
        elif track.arrival_s:
            self._backsteps += placed < track.last_ms
        track.arrival_s = now_s
        self._note_lead(placed, now_s)
        return placed

    def _choose(self, track: _Track, raw_ms: int, now_s: float) -> tuple[_Domain, int, int]:
        if not self._domains:
            return self._open(raw_ms, self._config.start_ms, now_s)
        if track.domain is None:
            return self._enter(raw_ms, now_s)
        if len(self._domains) == 1:
            domain = self._domains[0]
            unwrapped, placed = domain.place(raw_ms)
            if self._fits(track, placed, now_s):
                return domain, unwrapped, placed
            return self._jump(track, raw_ms, now_s)
        self._forget(track, now_s)
        expected = track.last_ms + track.step_ms
        best: tuple[_Domain, int, int] | None = None
        best_error = 0
        for domain in self._domains:
            unwrapped, placed = domain.place(raw_ms)
            error = abs(placed - expected)
            if self._fits(track, placed, now_s) and (best is None or error < best_error):
                best = domain, unwrapped, placed
                best_error = error
        return best or self._jump(track, raw_ms, now_s)

    def _fits(self, track: _Track, placed: int, now_s: float) -> bool:
        """Could this track's next message lie here?"""
        step = placed - track.last_ms
        if step < -self._config.backstep_ms:
            return False
        if step <= self._config.gap_ms:
            return True
        # A longer gap is real if as much time has passed: the network stood still, or the encoder dropped
        # what it could not send. A clock that jumped is ahead of what can have happened by now.
        return placed <= self._edge_ms(now_s) + self._config.gap_ms

    def _enter(self, raw_ms: int, now_s: float) -> tuple[_Domain, int, int]:
        """A track's first message: on the clock that the others use, if it can be the same clock."""
        domain = self._domains[0]
        unwrapped, placed = domain.place(raw_ms)
        if abs(unwrapped - domain.raw_ms) <= self._config.join_ms + self._elapsed_ms(domain, now_s):
            if placed < 0:
                domain.offset_ms -= placed
                self._lifts += 1
                placed = 0
            return domain, unwrapped, placed
        # Another clock altogether. Arrival is then all that tells how the tracks lie.
        domain_edge = domain.raw_ms + domain.offset_ms + self._elapsed_ms(domain, now_s)
        return self._open(raw_ms, domain_edge, now_s)

    def _jump(self, track: _Track, raw_ms: int, now_s: float) -> tuple[_Domain, int, int]:
        """No domain fits: join another track's jump, or open a domain that continues this track."""
        if track.domain is not None:
            # FLV's timestamps are signed, and ffmpeg writes 31 bits: after 24.9 days it is back at 0.
            half = _WRAP // 2
            difference = (raw_ms - track.domain.raw_ms + half // 2) % half - half // 2
            placed = track.domain.raw_ms + difference + track.domain.offset_ms
            if -self._config.backstep_ms <= placed - track.last_ms <= self._config.gap_ms:
                return self._open(raw_ms, placed, now_s)
        self._jumps += 1
        step = max(track.step_ms, 1)
        elapsed_ms = round((now_s - track.arrival_s) * 1000)
        if elapsed_ms > self._config.gap_ms:
            step = elapsed_ms  # the publisher was away for that long
        continued = track.last_ms + step
        newest = self._domains[0]
        if newest is not track.domain:
            unwrapped, placed = newest.place(raw_ms)
            if abs(unwrapped - newest.raw_ms) <= self._config.join_ms and placed < continued:
                # The other track jumped first, to where this one has been already. Both move on, together.
                newest.offset_ms += continued - placed
                self._jumps -= 1
                self._lifts += 1
                return newest, unwrapped, continued
        # The new clock most likely starts for both tracks at once: behind the one that came further.
        for other in self._tracks.values():
            ahead = other.last_ms + other.step_ms - continued
            if other.domain is track.domain and 0 < ahead <= self._config.splice_ms:
                continued += ahead
        return self._open(raw_ms, continued, now_s)

    def _open(self, raw_ms: int, placed_ms: int, now_s: float) -> tuple[_Domain, int, int]:
        domain = _Domain(raw_ms, placed_ms - raw_ms, now_s)
        self._domains.insert(0, domain)
        return domain, raw_ms, placed_ms

    def _forget(self, track: _Track, now_s: float) -> None:
        """Drop domains that nobody uses any more, and bound their number whatever comes."""
        kept = [
            domain
            for domain in self._domains[:4]
            if now_s - domain.used_s <= self._config.forget_s or domain is track.domain
        ]
        self._domains = kept or self._domains[:1]

    def _elapsed_ms(self, domain: _Domain, now_s: float) -> int:
        return max(0, round((now_s - domain.used_s) * 1000))

    def _note_lead(self, placed_ms: int, now_s: float) -> None:
        lead = placed_ms - now_s * 1000
        if self._lead_ms is None:
            self._lead_ms = lead
        else:
            # Falls 1 ms a second, so that an encoder's slow clock does not leave the edge ahead for ever.
            self._lead_ms = max(lead, self._lead_ms - (now_s - self._lead_at_s))
        self._lead_at_s = now_s

    def _edge_ms(self, now_s: float) -> float:
        return now_s * 1000 + (self._lead_ms or 0.0)
