"""The stream's own clock: media time goes on over publications, and maps to wall clock time once. Pure."""

from __future__ import annotations

from transcoder.source import SourceProfile


class StreamTimeline:
    """Zero is the arrival of the first unit of the stream's run. Steps of the wall clock do not move it."""

    def __init__(self, *, origin_s: float, program_origin_s: float) -> None:
        self._origin_s = origin_s
        self.program_origin_s = program_origin_s
        """Unix time of media time zero: what EXT-X-PROGRAM-DATE-TIME counts from."""
        self.end_s = 0.0
        """Media time up to which the windows are filled."""

    def at(self, now_s: float) -> float:
        """Media time of an instant of the monotonic clock."""
        return now_s - self._origin_s

    def program_time_s(self, media_s: float) -> float:
        """Unix time of a media time."""
        return self.program_origin_s + media_s

    def offset_s(self, profile: SourceProfile) -> float:
        """What to add to a publication's times, so that what the profile has seen first begins when it
        arrived, and after all that was before it."""
        return max(self.at(profile.first_arrival_s), self.end_s) - profile.first_dts_s
