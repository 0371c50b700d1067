"""The numbers that all renditions of a stream share. Hold-backs are derived here, once."""

from __future__ import annotations

from dataclasses import dataclass

from transcoder.manifests.duration import US_PER_S, microseconds, microseconds_up


@dataclass(frozen=True, slots=True)
class WindowConfig:
    """What a live window promises its players. The same object serves every rendition of a stream.

    RFC 8216bis 6.2.4: "all Media Playlists in that Multivariant Playlist MUST contain [EXT-X-SERVER-CONTROL],
    with the same attributes and values", and "MUST have the same Target Duration": nothing here is ever
    measured, and nothing changes while the stream lives.
    """

    target_duration_s: int
    """EXT-X-TARGETDURATION: no segment, rounded to a whole second, is longer."""
    part_target_s: float
    """PART-TARGET: no part is longer."""
    window_s: float
    """How much finished media the playlist lists at least; more where the rules below ask for it."""

    def __post_init__(self) -> None:
        if self.target_duration_s < 1:
            raise ValueError(f"target_duration_s is {self.target_duration_s}: at least 1 is needed")
        if not 0 < self.part_target_s <= self.target_duration_s:
            raise ValueError(
                f"part_target_s is {self.part_target_s}: more than 0, at most the target duration"
            )
        if not 0 <= self.window_s < 1e6:
            raise ValueError(f"window_s is {self.window_s}: 0 to 1,000,000 is allowed")

    @property
    def target_duration_us(self) -> int:
        return self.target_duration_s * US_PER_S

    @property
    def part_target_us(self) -> int:
        """PART-TARGET as it is written: rounded up, so that no part becomes longer by rounding."""
        return microseconds_up(self.part_target_s)

    @property
    def hold_back_us(self) -> int:
        """RFC 8216bis 4.4.3.8, HOLD-BACK: "MUST be at least three times the Target Duration"."""
        return 3 * self.target_duration_us

    @property
    def part_hold_back_us(self) -> int:
        """RFC 8216bis 4.4.3.8, PART-HOLD-BACK: "SHOULD be at least three times the Part Target Duration"."""
        return 3 * self.part_target_us

    @property
    def can_skip_until_us(self) -> int:
        """RFC 8216bis 4.4.3.8: "The Skip Boundary MUST be at least six times the Target Duration"."""
        return 6 * self.target_duration_us

    @property
    def part_tags_us(self) -> int:
        """How far from the end EXT-X-PART tags stay, and how much longer their parts do (6.2.2)."""
        return 3 * self.target_duration_us

    @property
    def keep_us(self) -> int:
        """Finished media that stays listed: the window, and one segment more than the skip boundary.

        That is far above what RFC 8216bis 6.2.2 asks ("less than three times the Target Duration" MUST NOT
        be reached by removals), and it makes delta updates worth their name whatever the settings.
        """
        return max(microseconds(self.window_s), self.can_skip_until_us + self.target_duration_us)

    @property
    def block_limit_s(self) -> float:
        """RFC 8216bis 6.2.5.2: "after blocking for more than three Target Durations SHOULD return" 503."""
        return 3.0 * self.target_duration_s
