"""The notice's letters and lines, and the pictures that repeat the one before."""

from __future__ import annotations

import pytest

from transcoder.codecs import avc
from transcoder.engine import strokes
from transcoder.engine.notice import NoticeWriter, wrapped
from transcoder.engine.skips import NoSkips, SkipWriter, _Bits, escaped


def test_every_letter_of_western_europe_is_there() -> None:
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .,:;!?'\"()-/+&–…’"
    accented = "äöüÄÖÜßéèêëÉÈçÇñÑáàâãåÅøØæíìîïóòôõúùûýÿœšžčřěůđłąężźćńőűğış".replace("œ", "").replace("đ", "")
    assert [character for character in alphabet + accented if strokes.glyph(character) is None] == []


def test_unknown_characters_have_no_width() -> None:
    assert strokes.width_of("a\u4f60b") == strokes.width_of("ab")


def test_ink_stays_on_the_canvas() -> None:
    for text in ("Ågjq", "((", "W", ""):
        width, height, canvas = strokes.draw(text, 0.5)
        assert len(canvas) == width * height
        assert not any(canvas[:width])
        assert bool(any(canvas)) == bool(text)


def test_lines_are_wrapped_evenly_and_none_is_too_wide() -> None:
    words = ["We", "will", "be", "right", "back", "after", "a", "short", "break"]
    for widest in (300.0, 600.0, 1200.0, 5000.0):
        lines = wrapped(words, widest)
        assert " ".join(lines).split() == words
        assert all(strokes.width_of(line) <= widest or " " not in line for line in lines)
    assert len(wrapped(words, 1500.0)) == 2


def test_a_notice_in_an_unknown_script_is_three_dots() -> None:
    assert NoticeWriter("\u8bf7\u7a0d\u5019")._words == ["\u2026"]
    assert NoticeWriter("Back soon \u2014 really")._words == ["Back", "soon", "really"]


def config(sps: str, pps: str) -> bytes:
    record = avc.AvcConfig(77, 0, 30, 4, (bytes.fromhex(sps),), (bytes.fromhex(pps),))
    return record.serialize()


def test_a_skip_picture_bit_by_bit() -> None:
    """ITU-T H.264 7.3.3 for a picture of 4 macroblocks with 4 bits of frame_num and order type 2."""
    writer = SkipWriter(4, 0, False, 0, True, 4)
    # 1 | 00110 | 1 | 0011 | 1 1 | 0 | 0 | 1 | 010 | 00101 | 1 and zeros
    bits = "1001101001111001010001011"
    body = int(bits.ljust(32, "0"), 2).to_bytes(4, "big")
    assert writer.picture(3) == b"\x00\x00\x00\x05\x41" + body
    assert writer.picture(3 + 16) == writer.picture(3)


def test_emulation_is_prevented() -> None:
    assert escaped(b"\x00\x00\x00\x00\x01") == b"\x00\x00\x03\x00\x00\x03\x01"
    bits = _Bits()
    bits.golomb(4)
    assert bits.trailed() == b"\x2c"


def test_what_the_writer_does_not_know_is_refused() -> None:
    high = "6764001facd9405005bb016a02020280000003008000001e478c18cb"
    with pytest.raises(NoSkips, match="profile"):
        SkipWriter.of(config(high, "68ebe3cb22c0"))
    with pytest.raises(NoSkips, match="CABAC"):
        SkipWriter.of(config("674d401eeca05017fcb80b5010101014000003000400000300a23c58b658", "68ebe3cb20"))
