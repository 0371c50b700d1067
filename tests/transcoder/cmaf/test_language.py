import pytest

from transcoder.cmaf.language import packed_language


def letters(packed: int) -> str:
    return "".join(chr((packed >> shift & 31) + 0x60) for shift in (10, 5, 0))


@pytest.mark.parametrize(
    ("tag", "code"),
    [
        ("en", "eng"),
        ("de-AT", "deu"),
        ("DE", "deu"),
        ("fra", "fra"),
        ("zh-Hant-TW", "zho"),
        (None, "und"),
        ("", "und"),
        ("xx", "und"),
        ("x-klingon", "und"),
        ("日本語", "und"),
        ("a1c", "und"),
    ],
)
def test_bcp_47_becomes_five_bits_a_letter(tag: str | None, code: str) -> None:
    assert letters(packed_language(tag)) == code


def test_undetermined_is_the_value_of_the_specification() -> None:
    assert packed_language("und") == 0x55C4
