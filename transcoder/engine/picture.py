"""From what a decoder puts out to upright, progressive pictures on a 90 kHz clock."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from av.error import FFmpegError
from av.filter import Graph
from av.video.frame import PictureType, VideoFrame

from transcoder.captions.cc_data import CcPair
from transcoder.media import VIDEO_TIMESCALE

TIME_BASE: Final = Fraction(1, VIDEO_TIMESCALE)

_TRANSPOSES: Final = {90: ["transpose=clock"], 180: ["hflip", "vflip"], 270: ["transpose=cclock"]}
"""Filters by the clockwise turn, in degrees, that makes a picture upright."""


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture for all rungs."""

    frame: VideoFrame
    """pts in 1/90000 s. Shared by rungs: never written after it was handed on."""
    is_cut: bool
    """A segment may have to start here: an IDR in every rung."""
    duration: int
    """Ticks, where the source is steady enough to tell; else 0."""
    arrival_s: float
    captions: tuple[CcPair, ...] = ()
    """Caption bytes that came with it."""


class Straightener:
    """Deinterlaces and turns upright where the frames themselves say that they need it."""

    def __init__(self) -> None:
        self._graph: Graph | None = None
        self._key: tuple[object, ...] = ()
        self._deinterlace = False
        self._clockwise = 0
        self.turned = False
        """Whether width and height have changed places."""

    def push(self, frame: VideoFrame) -> list[VideoFrame]:
        """The frames that are ready: none while the deinterlacer waits for the next field."""
        # A display orientation (H.264 D.2.27) may hold for all pictures up to the next IDR, but FFmpeg
        # tells it only with the one picture that carried the message.
        if frame.key_frame or frame.rotation:
            self._clockwise = -round(frame.rotation / 90) * 90 % 360
        clockwise = self._clockwise
        self._deinterlace = self._deinterlace or frame.interlaced_frame
        filters = [
            # Only the frames that are marked; same rate as before: what interlaced sources send is
            # mostly film or talking heads, and twice the pictures would cost twice the encoders.
            *(["bwdif=mode=send_frame:deint=interlaced"] if self._deinterlace else []),
            *_TRANSPOSES.get(clockwise, []),
        ]
        self.turned = clockwise in (90, 270)
        key = (frame.width, frame.height, frame.format.name, *filters) if filters else ()
        ready: list[VideoFrame] = []
        if key != self._key:
            ready += self.flush()
            self._key = key
            self._graph = _graph(frame, filters) if filters else None
        if self._graph is None:
            ready.append(frame)
            return ready
        self._graph.push(frame)
        ready += _pulled(self._graph)
        return ready

    def flush(self) -> list[VideoFrame]:
        """What the filters still hold."""
        if self._graph is None:
            return []
        graph, self._graph, self._key = self._graph, None, ()
        try:
            graph.push(None)
        except FFmpegError:
            return []
        return list(_pulled(graph))


def _graph(frame: VideoFrame, filters: list[str]) -> Graph:
    graph = Graph()
    graph.threads = 1
    arguments = {
        "video_size": f"{frame.width}x{frame.height}",
        "pix_fmt": frame.format.name,
        "time_base": str(TIME_BASE),
        "pixel_aspect": "1/1",
        "colorspace": str(frame.colorspace),
        "range": str(frame.color_range),
    }
    nodes = [graph.add("buffer", **arguments)]
    for text in filters:
        name, _, options = text.partition("=")
        nodes.append(graph.add(name, options or None))
    nodes.append(graph.add("buffersink"))
    graph.link_nodes(*nodes).configure()
    return graph


def _pulled(graph: Graph) -> Iterator[VideoFrame]:
    while True:
        try:
            frame = graph.pull()
        except (BlockingIOError, EOFError):
            return
        if not isinstance(frame, VideoFrame):
            return
        # bwdif counts in half ticks, so that it could stamp fields.
        if frame.pts is not None and frame.time_base is not None and frame.time_base != TIME_BASE:
            frame.pts = round(frame.pts * frame.time_base / TIME_BASE)
        frame.time_base = TIME_BASE
        yield frame


def mark(frame: VideoFrame, *, is_cut: bool) -> None:
    """Tell the encoder what to make of it: the decoder left the source's own picture type on it."""
    frame.pict_type = PictureType.I if is_cut else PictureType.NONE
