"""What the server and its worker child say to each other on a pipe. Pure.

A message is a header, the msgpack of one record below, and the raw bytes that it speaks of (a coded unit,
a picture), which are never packed nor copied::

    u32 header length | u32 payload length | header | payload          (big endian)

Both directions use the same frames. The child is fed by us, but what it answers was made from a
stranger's bitstream: whoever reads holds the limits below and believes nothing else.
"""

from __future__ import annotations

from fractions import Fraction
from struct import Struct
from typing import Any, Final, TypeAlias

import msgspec

from transcoder.encoders import Encoder
from transcoder.ladder import Ladder, Rendition
from transcoder.media import AccessUnit, Codec, Track

_LENGTHS: Final = Struct(">II")
HEADER_LIMIT_BYTES: Final = 1 << 20
PAYLOAD_LIMIT_BYTES: Final = 64 << 20
"""More than the largest coded picture that we decode: 8192 x 4608 at a byte a sample."""
CHILD_HEADER_LIMIT_BYTES: Final = 64 << 10
CHILD_PAYLOAD_LIMIT_BYTES: Final = 8 << 20
"""Of what a child says: eight seconds of the strongest rung, or a still."""


class FramingError(ValueError):
    """The other end of the pipe sent something that is no message: its process must go."""


class Message(msgspec.Struct, frozen=True, array_like=True, tag=True):
    """Any message; ``tag`` names the record."""


# To the child ---------------------------------------------------------------------------------------


class Start(Message, frozen=True):
    """First to a live child: what to make of which tracks."""

    ladder: Ladder
    tracks: tuple[Track, ...]
    max_lag_s: float | None
    """A unit that has waited longer is dropped, with all up to the next sync unit. None: never."""
    given_up: tuple[str, ...] = ()
    """As in :class:`SetRungs`."""
    encoders: tuple[Encoder, ...] = (Encoder.SOFTWARE,)
    """For pictures: the first one, and after a failure the next."""


class SetTrack(Message, frozen=True):
    """A track's new format, in force from its next unit on."""

    track: Track


class Unit(Message, frozen=True):
    """The header of a unit; its payload follows. ``rendition`` is empty on the way in."""

    rendition: str
    track_id: int
    codec: Codec
    timescale: int
    pts: int
    dts: int
    duration: int
    sync: bool
    arrival_s: float


class CutAt(Message, frozen=True):
    """The next segment starts at the first picture whose pts is not before ``time_s``."""

    time_s: float


class SetRungs(Message, frozen=True):
    """Rungs not to be encoded until the next such message; what is taken up again begins at a cut."""

    given_up: tuple[str, ...]


class TryEncoders(Message, frozen=True):
    """To the encoders child: encode a few pictures with each of these."""

    encoders: tuple[Encoder, ...]


class Finish(Message, frozen=True):
    """Nothing follows: encode what is held, say :class:`Finished`, leave."""


class MakeStill(Message, frozen=True):
    """To the stills child: a JPEG of this sync unit, whose payload follows."""

    number: int
    track: Track
    max_width: int


class MakeSlate(Message, frozen=True):
    """To the slates child: one loop for each rendition; the poster's JPEG, or nothing, follows."""

    number: int
    notice: str
    renditions: tuple[Rendition, ...]
    picture_s: float
    loop_s: float


# From the child -------------------------------------------------------------------------------------


class Ready(Message, frozen=True):
    """The child has its limits in place and its libraries loaded; now it can be held to deadlines."""


class RenditionTrack(Message, frozen=True):
    """The format of a rendition: before its first unit, and again whenever it changes."""

    rendition: str
    track: Track


class RungFigures(msgspec.Struct, frozen=True, array_like=True):
    """What one rendition has cost so far."""

    rendition: str
    units_out: int
    media_s: float
    busy_s: float
    """Time spent scaling and encoding; ``media_s / busy_s`` is its speed."""
    encoder: Encoder | None = None
    """What makes its pictures; None for sound, and before the first picture."""


class Progress(Message, frozen=True):
    """Twice a second. What was consumed moves while the child is alive, whatever the bitstream is like."""

    consumed_video: int
    consumed_audio: int
    dropped: int
    damaged: int
    """Units that the decoder refused."""
    left_out: int
    """Pictures that no rung was to encode."""
    rungs: tuple[RungFigures, ...]


class Finished(Message, frozen=True):
    """The last message of a child that was told to finish."""


class Still(Message, frozen=True):
    """A JPEG follows; where none could be made, it is empty and ``reason`` says why."""

    number: int
    reason: str


class EncoderTried(Message, frozen=True):
    """Whether an encoder works here: an empty ``reason`` says that it does."""

    encoder: Encoder
    reason: str


class Slated(Message, frozen=True):
    """After the tracks and units of all loops; ``reason`` says why there are none."""

    number: int
    reason: str


AnyMessage: TypeAlias = (
    Start
    | SetTrack
    | Unit
    | CutAt
    | Finish
    | MakeStill
    | MakeSlate
    | SetRungs
    | TryEncoders
    | Ready
    | RenditionTrack
    | Progress
    | Finished
    | Still
    | Slated
    | EncoderTried
)


def unit_message(unit: AccessUnit, rendition: str = "") -> Unit:
    """The header of a unit. Send ``unit.payload`` beside it."""
    return Unit(
        rendition,
        unit.track_id,
        unit.codec,
        unit.timescale,
        unit.pts,
        unit.dts,
        unit.duration,
        unit.sync,
        unit.arrival_s,
    )


def access_unit(header: Unit, payload: bytes) -> AccessUnit:
    """The unit that a header and its payload were."""
    return AccessUnit(
        header.track_id,
        header.codec,
        header.timescale,
        header.pts,
        header.dts,
        header.duration,
        header.sync,
        payload,
        header.arrival_s,
    )


def _to_wire(value: object) -> object:
    if isinstance(value, Fraction):
        return (value.numerator, value.denominator)
    raise NotImplementedError(type(value).__name__)


def _from_wire(wanted: type, value: Any) -> object:
    if wanted is Fraction:
        numerator, denominator = value
        return Fraction(numerator, denominator)
    raise NotImplementedError(wanted.__name__)


_encoder: Final = msgspec.msgpack.Encoder(enc_hook=_to_wire)
_decoder: Final[msgspec.msgpack.Decoder[AnyMessage]] = msgspec.msgpack.Decoder(
    AnyMessage, dec_hook=_from_wire
)


def serialize(message: Message, payload: bytes = b"") -> bytes:
    """The frame up to its payload: send ``payload`` itself right after it."""
    header = _encoder.encode(message)
    return _LENGTHS.pack(len(header), len(payload)) + header


class FrameReader:
    """Cuts a byte stream into messages. Holds at most one frame beyond what it was fed."""

    def __init__(
        self, *, header_limit: int = HEADER_LIMIT_BYTES, payload_limit: int = PAYLOAD_LIMIT_BYTES
    ) -> None:
        """Limits in bytes: a frame that claims more is refused before any of it is kept."""
        self._buffer = bytearray()
        self._header_limit = header_limit
        self._payload_limit = payload_limit

    def feed(self, data: bytes) -> list[tuple[AnyMessage, bytes]]:
        """The messages that are now complete, each with its payload. Raises :class:`FramingError`."""
        self._buffer += data
        messages = []
        position = 0
        with memoryview(self._buffer) as view:
            while len(view) - position >= _LENGTHS.size:
                header_bytes, payload_bytes = _LENGTHS.unpack_from(view, position)
                if header_bytes > self._header_limit or payload_bytes > self._payload_limit:
                    raise FramingError(f"a frame of {header_bytes} + {payload_bytes} bytes")
                payload_at = position + _LENGTHS.size + header_bytes
                end = payload_at + payload_bytes
                if len(view) < end:
                    break
                message = _parse(bytes(view[position + _LENGTHS.size : payload_at]))
                messages.append((message, bytes(view[payload_at:end])))
                position = end
        del self._buffer[:position]
        return messages


def _parse(header: bytes) -> AnyMessage:
    try:
        return _decoder.decode(header)
    except (msgspec.MsgspecError, TypeError, ValueError, ZeroDivisionError) as error:
        raise FramingError(f"not a message: {error}") from error
