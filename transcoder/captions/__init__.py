"""Captions inside video (CEA-608, CEA-708) as timed text. Pure: access units in, cues out."""

from transcoder.captions.cue import Cue, Line, Placement, Span, plain_line
from transcoder.captions.extractor import CaptionExtractor

__all__ = ["CaptionExtractor", "Cue", "Line", "Placement", "Span", "plain_line"]
