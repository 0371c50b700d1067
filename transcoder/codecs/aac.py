"""AAC: AudioSpecificConfig (ISO 14496-3 1.6.2.1), its frames, and ADTS headers (1.A.3)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from transcoder.codecs.bits import BitReader
from transcoder.codecs.error import CodecError

SAMPLE_RATES: Final = (
    96000,
    88200,
    64000,
    48000,
    44100,
    32000,
    24000,
    22050,
    16000,
    12000,
    11025,
    8000,
    7350,
)
_EXPLICIT_RATE: Final = 15
# Table 1.19: channels by channelConfiguration.
_CHANNELS: Final = {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 8, 11: 7, 12: 8, 14: 8}

AAC_LC: Final = 2
SBR: Final = 5
PS: Final = 29
ER_AAC_LD: Final = 23
ER_AAC_ELD: Final = 39
USAC: Final = 42
_ESCAPE: Final = 31
# Object types that are described by GASpecificConfig (4.4.1).
_GENERAL_AUDIO: Final = frozenset({1, 2, 3, 4, 6, 7, 17, 19, 20, 21, 22, 23})
_SYNC_EXTENSION: Final = 0x2B7
_FASTEST_RATE: Final = 192_000


@dataclass(frozen=True, slots=True)
class AacConfig:
    """An AudioSpecificConfig: what the elementary stream is, and what a decoder puts out."""

    object_type: int
    """Audio object type as signalled: 2 AAC-LC, 5 with SBR (HE-AAC), 29 with SBR and PS (HE-AAC v2)."""
    core_sample_rate: int
    sample_rate: int
    """Of the decoder's output, in Hz: twice the core's with explicit SBR."""
    channels: int
    core_frame_samples: int
    """Samples a frame codes for each channel at the core rate."""

    @property
    def frame_samples(self) -> int:
        """Samples a frame lasts at ``sample_rate``."""
        return self.core_frame_samples * self.sample_rate // self.core_sample_rate

    @classmethod
    def parse(cls, data: bytes) -> AacConfig:
        """Parse an AudioSpecificConfig. Raises :class:`CodecError`."""
        reader = BitReader(data)
        object_type = core_type = _object_type(reader)
        sample_rate = core_rate = _sample_rate(reader)
        channel_configuration = reader.bits(4)
        if object_type in (SBR, PS):
            sample_rate = _sample_rate(reader)
            core_type = _object_type(reader)
        channels = _CHANNELS.get(channel_configuration, 0)
        frame_samples = 1024
        if core_type in _GENERAL_AUDIO:
            short_frame = reader.flag()
            frame_samples = _frame_samples(core_type, short_frame)
            if reader.flag():
                reader.skip(14)  # coreCoderDelay
            reader.skip(1)  # extensionFlag
            if channel_configuration == 0:
                channels = _program_config_channels(reader)
            if core_type == AAC_LC and object_type == AAC_LC:
                object_type, sample_rate = _sync_extension(reader, object_type, sample_rate)
        elif core_type not in (ER_AAC_ELD, USAC):
            raise CodecError(f"audio object type {core_type} is not AAC")
        elif core_type == ER_AAC_ELD:
            frame_samples = 480 if reader.flag() else 512
        if object_type == PS:
            channels = 2
        if not channels:
            raise CodecError(f"AAC channel configuration {channel_configuration} is not known")
        if sample_rate not in (core_rate, 2 * core_rate):
            raise CodecError(f"AAC sample rate {sample_rate} does not fit its core's {core_rate}")
        return cls(object_type, core_rate, sample_rate, channels, frame_samples)


def _object_type(reader: BitReader) -> int:
    object_type = reader.bits(5)
    return 32 + reader.bits(6) if object_type == _ESCAPE else object_type


def _sample_rate(reader: BitReader) -> int:
    index = reader.bits(4)
    if index == _EXPLICIT_RATE:
        rate = reader.bits(24)
        if not 1000 <= rate <= _FASTEST_RATE:
            raise CodecError(f"AAC sample rate {rate} Hz")
        return rate
    if index >= len(SAMPLE_RATES):
        raise CodecError(f"AAC sampling frequency index {index} is reserved")
    return SAMPLE_RATES[index]


def _frame_samples(object_type: int, short_frame: bool) -> int:
    if object_type == ER_AAC_LD:
        return 480 if short_frame else 512
    return 960 if short_frame else 1024


def _program_config_channels(reader: BitReader) -> int:
    """program_config_element (4.4.1.1): counts its output channels."""
    reader.skip(10)  # element_instance_tag, object_type, sampling_frequency_index
    front, side, back, lfe = reader.bits(4), reader.bits(4), reader.bits(4), reader.bits(2)
    associated, coupling = reader.bits(3), reader.bits(4)
    for bits in (4, 4, 3):  # mono, stereo and matrix mixdown
        if reader.flag():
            reader.skip(bits)
    channels = lfe
    for _ in range(front + side + back):
        channels += 2 if reader.flag() else 1
        reader.skip(4)
    reader.skip(4 * lfe + 4 * associated + 5 * coupling)
    reader.align()
    reader.skip(8 * reader.bits(8))  # comment
    return channels


def _sync_extension(reader: BitReader, object_type: int, sample_rate: int) -> tuple[int, int]:
    """Backward compatible explicit signalling of SBR and PS, at the end of the record (1.6.6.2)."""
    if reader.remaining < 16 or reader.bits(11) != _SYNC_EXTENSION:
        return object_type, sample_rate
    if _object_type(reader) != SBR or not reader.remaining or not reader.flag():
        return object_type, sample_rate
    if reader.remaining < 4:
        return object_type, sample_rate
    sample_rate = _sample_rate(reader)
    if reader.remaining >= 12 and reader.bits(11) == 0x548 and reader.flag():
        return PS, sample_rate
    return SBR, sample_rate


def rfc6381(record: AacConfig) -> str:
    """RFC 6381 3.3: ``mp4a.40.`` and the audio object type in decimal."""
    return f"mp4a.40.{record.object_type}"


def config_from_adts(frame: bytes) -> bytes:
    """The 2-byte AudioSpecificConfig that an ADTS header (1.A.3.2) stands for."""
    if not has_adts_header(frame):
        raise CodecError("not an ADTS frame")
    object_type = (frame[2] >> 6) + 1
    rate_index = frame[2] >> 2 & 15
    channel_configuration = (frame[2] & 1) << 2 | frame[3] >> 6
    return (object_type << 11 | rate_index << 7 | channel_configuration << 3).to_bytes(2, "big")


def has_adts_header(frame: bytes) -> bool:
    """Whether it begins with an ADTS header.

    A raw_data_block cannot: the same first bits would be ID_END, an empty block (4.4.2.1).
    """
    return len(frame) >= 7 and frame[0] == 0xFF and frame[1] & 0xF6 == 0xF0


def clean(payload: bytes) -> bytes:
    """One raw_data_block; an ADTS header before it is removed. Raises :class:`CodecError` if empty."""
    if has_adts_header(payload):
        header_bytes = 7 if payload[1] & 1 else 9
        frame_bytes = (payload[3] & 3) << 11 | payload[4] << 3 | payload[5] >> 5
        payload = payload[header_bytes : max(frame_bytes, header_bytes)]
    if len(payload) < 2:
        raise CodecError("AAC frame is empty")
    return payload
