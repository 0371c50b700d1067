"""Video units in, cues out."""

from __future__ import annotations

from typing import Final

from transcoder.captions.cc_data import CcPair, CcType, cc_pairs
from transcoder.captions.cea608 import Field
from transcoder.captions.cea708 import Service
from transcoder.captions.cue import Cue
from transcoder.captions.display import Screen
from transcoder.captions.dtvcc import PacketAssembler, ServiceBlock
from transcoder.captions.presentation import PresentationOrder
from transcoder.captions.tracker import CueTracker
from transcoder.media import AccessUnit, Codec, Track

MOST_SERVICES: Final = 6
TWINS: Final = {"SERVICE1": "CC1", "SERVICE2": "CC3"}
"""The CEA-608 channel that by custom carries the same words as a CEA-708 service."""
TWIN_PATIENCE_S: Final = 20.0
"""A channel that was heard so lately speaks for its service too."""
_CODECS: Final = frozenset((Codec.H264, Codec.H265, Codec.AV1))


class CaptionExtractor:
    """All caption channels of one video track.

    Where a service and its CEA-608 channel carry the same words, the channel is taken: it is what nearly all
    encoders fill first, what players decode themselves, and so what viewers would otherwise see twice under
    two names. The service comes in under the channel's name when the channel is silent.
    """

    def __init__(self) -> None:
        self._order: PresentationOrder[list[CcPair]] = PresentationOrder()
        self._fields = (Field(1), Field(2))
        self._packets = PacketAssembler()
        self._services: dict[int, Service] = {}
        self._trackers: dict[str, CueTracker] = {}
        self._heard_s: dict[str, float] = {}
        self._track_id: int | None = None
        self._has_begun = False
        self._time_s = 0.0
        self.settled_s = 0.0
        """Presentation time up to which all captions are known, in seconds."""

    @property
    def has_captions(self) -> bool:
        """Words were found."""
        return bool(self._trackers)

    @property
    def channels(self) -> tuple[str, ...]:
        """The channels that had words so far: ``CC1``, …, ``SERVICE3``, …"""
        return tuple(sorted(self._trackers))

    def push(self, track: Track, unit: AccessUnit) -> list[Cue]:
        """Take the next unit in decoding order; answer cues that begin (``end_s`` None) or end.

        Units of another track than the first are left alone. Never raises for what a publisher sent.
        """
        if track.codec not in _CODECS:
            return []
        if self._track_id is None:
            self._track_id = unit.track_id
        if unit.track_id != self._track_id:
            return []
        pairs = cc_pairs(track, unit)
        if not pairs and not self._has_begun:
            # Most sources have no captions, and should not pay for them.
            self.settled_s = max(self.settled_s, unit.dts_s)
            return []
        self._has_begun = True
        cues: list[Cue] = []
        for pts, due in self._order.push(unit.pts, unit.dts, pairs):
            cues += self._present(pts / unit.timescale, due)
        self.settled_s = max(self.settled_s, self._time_s)
        return cues

    def finish(self, time_s: float) -> list[Cue]:
        """Nothing more comes: what is shown ends at ``time_s``."""
        cues: list[Cue] = []
        for tracker in self._trackers.values():
            cues += tracker.clear(max(time_s, self._time_s))
        return cues

    def _present(self, time_s: float, pairs: list[CcPair]) -> list[Cue]:
        # Time never goes back here, whatever the publisher's clock does.
        self._time_s = time_s = max(self._time_s, time_s)
        screens: list[Screen] = []
        for pair in pairs:
            screens += self._take(pair, time_s)
        for field in self._fields:
            screens += field.pass_time(time_s)
        for service in self._services.values():
            screens += service.pass_time(time_s)
        return [cue for screen in screens for cue in self._show(screen)]

    def _take(self, pair: CcPair, time_s: float) -> list[Screen]:
        match pair.kind:
            case CcType.FIELD_1 | CcType.FIELD_2:
                return self._fields[pair.kind].push(pair.first, pair.second, time_s)
            case CcType.DTVCC_START:
                blocks = self._packets.start(pair.first, pair.second)
            case CcType.DTVCC_DATA:
                blocks = self._packets.go_on(pair.first, pair.second)
        return [screen for block in blocks for screen in self._serve(block, time_s)]

    def _serve(self, block: ServiceBlock, time_s: float) -> list[Screen]:
        if block.service > MOST_SERVICES:
            return []
        service = self._services.get(block.service)
        if service is None:
            service = self._services[block.service] = Service(f"SERVICE{block.service}")
        return service.push(block.data, time_s)

    def _show(self, screen: Screen) -> list[Cue]:
        name = screen.channel
        if name.startswith("CC"):
            self._heard_s[name] = screen.time_s
        elif (twin := TWINS.get(name)) is not None:
            heard_s = self._heard_s.get(twin)
            if heard_s is not None and screen.time_s - heard_s < TWIN_PATIENCE_S:
                return []
            name = twin
        tracker = self._trackers.get(name)
        if tracker is None:
            if not screen.blocks:
                return []
            tracker = self._trackers[name] = CueTracker(name)
        return tracker.show(screen)
