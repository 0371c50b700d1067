"""Language tags as ``mdhd`` packs them (ISO 14496-12 8.4.2.3: ISO 639-2/T, five bits a letter)."""

from __future__ import annotations

from typing import Final

_UNDETERMINED: Final = "und"

# ISO 639-1 to ISO 639-2/T. What is missing here is told by `elng` alone.
_THREE_LETTERS: Final = {
    "ar": "ara",
    "bg": "bul",
    "bn": "ben",
    "cs": "ces",
    "da": "dan",
    "de": "deu",
    "el": "ell",
    "en": "eng",
    "es": "spa",
    "et": "est",
    "fa": "fas",
    "fi": "fin",
    "fr": "fra",
    "he": "heb",
    "hi": "hin",
    "hr": "hrv",
    "hu": "hun",
    "id": "ind",
    "it": "ita",
    "ja": "jpn",
    "ko": "kor",
    "lt": "lit",
    "lv": "lav",
    "ms": "msa",
    "nb": "nob",
    "nl": "nld",
    "no": "nor",
    "pl": "pol",
    "pt": "por",
    "ro": "ron",
    "ru": "rus",
    "sk": "slk",
    "sl": "slv",
    "sr": "srp",
    "sv": "swe",
    "ta": "tam",
    "th": "tha",
    "tr": "tur",
    "uk": "ukr",
    "ur": "urd",
    "vi": "vie",
    "zh": "zho",
}


def three_letters(tag: str | None) -> str:
    """ISO 639-2/T of a BCP 47 tag; ``und`` for none and for what has no three-letter code here."""
    primary = (tag or _UNDETERMINED).split("-")[0].lower()
    code = primary if len(primary) == 3 else _THREE_LETTERS.get(primary, _UNDETERMINED)
    return code if code.isascii() and code.isalpha() else _UNDETERMINED


def packed_language(tag: str | None) -> int:
    """The 15 bits of :func:`three_letters`."""
    first, second, third = (ord(letter) - 0x60 for letter in three_letters(tag))
    return first << 10 | second << 5 | third
