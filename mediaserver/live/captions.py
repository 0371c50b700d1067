"""Words of a publication on their way to text renditions: captions in its pictures, text beside them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence

from ingest.publication import TimedText
from mediaserver.live.output import TextOutput
from transcoder.captions import spoken
from transcoder.captions.cue import Cue
from transcoder.captions.extractor import CaptionExtractor
from transcoder.manifests.window import WindowCheckpoint
from transcoder.media import AccessUnit, Track
from transcoder.packager import Packager, PackagerConfig
from transcoder.text_packager import TextPackager

log = logging.getLogger(__name__)

TEXT_CHANNEL = spoken.CHANNEL

OpenText = Callable[[str, str | None, WindowCheckpoint], TextOutput | None]


class Captions:
    """One publication's words. Renditions of earlier publications go on, with words or without."""

    def __init__(
        self, packager: Packager, config: PackagerConfig, known: Sequence[TextOutput], open_text: OpenText
    ) -> None:
        self._packager = packager
        self._config = config
        self._open_text = open_text
        self._extractor = CaptionExtractor()
        self._is_broken = False
        self._spoken = spoken.SpokenCues()
        self._texts: dict[tuple[str, str | None], TextPackager] = {}
        self._told_full = False
        for output in known:
            packager.add_text(self._add(output))

    @property
    def channels(self) -> tuple[str, ...]:
        """Caption channels that were found in the pictures."""
        return self._extractor.channels

    def see(self, track: Track, unit: AccessUnit) -> None:
        """A picture of the source, in decoding order. A fault of ours here costs captions, no picture."""
        if self._is_broken:
            return
        try:
            for cue in self._extractor.push(track, unit):
                self._show(cue)
        except Exception:
            self._is_broken = True
            log.exception("captions are given up for this publication")

    def hear(self, text: TimedText) -> None:
        """Words that came beside the pictures."""
        for cue in self._spoken.hear(text.time_s, text.text, text.language, text.duration_s):
            self._show(cue)

    def _show(self, cue: Cue) -> None:
        text = self._texts.get((cue.channel, cue.language))
        if text is None:
            output = self._open_text(cue.channel, cue.language, self._packager.ahead)
            if output is None:
                # Of those that are left out nothing is kept: a publisher may name ever more of them.
                if not self._told_full:
                    self._told_full = True
                    log.warning(
                        "captions %s %s are left out: there are too many", cue.channel, cue.language or ""
                    )
                return
            text = self._add(output)
            self._packager.add_text(text)
        text.add(cue)

    def _add(self, output: TextOutput) -> TextPackager:
        in_pictures = output.channel != TEXT_CHANNEL
        text = TextPackager(
            output.window, self._config, settled=(lambda: self._extractor.settled_s) if in_pictures else None
        )
        self._texts[output.channel, output.language] = text
        return text
