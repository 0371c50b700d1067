"""Bit rates of a rendition as they were measured, for BANDWIDTH and AVERAGE-BANDWIDTH."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class _Measured:
    number: int
    bits: int
    duration_s: float


class BandwidthMeter:
    """Peak and average segment bit rate over the last ``window_s`` seconds of one rendition's segments.

    RFC 8216bis 4.1: the peak segment bit rate is "the largest bit rate of any contiguous set of segments
    whose total duration is between 0.5 and 1.5 times the Target Duration"; the bit rate of a set is "the sum
    of the segment sizes divided by the sum of the segment durations". Our segments are about half a target
    duration long, and the largest must not escape by being a few milliseconds shorter: we begin at 0.45.
    """

    def __init__(self, target_duration_s: float, window_s: float) -> None:
        self._shortest_s = 0.45 * target_duration_s
        self._longest_s = 1.5 * target_duration_s
        self._window_s = max(window_s, self._longest_s)
        self._segments: deque[_Measured] = deque()
        self._bits = 0
        self._duration_s = 0.0
        self._count = 0
        self._peaks: deque[tuple[int, float]] = deque()

    def add_segment(self, size_bytes: int, duration_s: float) -> None:
        """One more finished segment, container bytes included. One of no length is not counted."""
        if duration_s <= 0:
            return
        self._count += 1
        self._segments.append(_Measured(self._count, size_bytes * 8, duration_s))
        self._bits += size_bytes * 8
        self._duration_s += duration_s
        while len(self._segments) > 1 and self._duration_s - self._segments[0].duration_s >= self._window_s:
            left = self._segments.popleft()
            self._bits -= left.bits
            self._duration_s -= left.duration_s
        self._note_peak()

    def _note_peak(self) -> None:
        """The best set that ends at the newest segment; sets of gone segments leave from the left."""
        best = 0.0
        bits = 0
        duration_s = 0.0
        for segment in reversed(self._segments):
            bits += segment.bits
            duration_s += segment.duration_s
            if duration_s > self._longest_s:
                break
            if duration_s >= self._shortest_s:
                best = max(best, bits / duration_s)
        while self._peaks and self._peaks[-1][1] <= best:
            self._peaks.pop()
        self._peaks.append((self._count, best))
        while self._peaks[0][0] < self._segments[0].number:
            self._peaks.popleft()

    @property
    def peak_bps(self) -> int | None:
        """Peak segment bit rate, rounded up; None before anything was measured."""
        if not self._segments:
            return None
        # Before a set is long enough the average is the best that is known, and later it is a floor.
        return -int(-max(self._peaks[0][1], self._bits / self._duration_s) // 1)

    @property
    def average_bps(self) -> int | None:
        """Average segment bit rate, rounded up; None before anything was measured."""
        if not self._segments:
            return None
        return -int(-(self._bits / self._duration_s) // 1)
