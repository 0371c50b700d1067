"""CMAF (ISO 23000-19): init segments and fragments of one track each, written and read. Pure."""

from transcoder.cmaf.fragment import ProducerTime, Sample, fragment
from transcoder.cmaf.init import init_segment

__all__ = ["ProducerTime", "Sample", "fragment", "init_segment"]
