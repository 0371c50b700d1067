import pytest
from hypothesis import given
from hypothesis import strategies as st

from transcoder.manifests.attributes import label, quoted


def test_a_quoted_string_stands_in_quotes() -> None:
    assert quoted("720p/media.m3u8") == '"720p/media.m3u8"'


@pytest.mark.parametrize("text", ['a"b', "a\nb", "a\rb"])
def test_what_a_quoted_string_must_not_hold_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="cannot quote"):
        quoted(text)


@given(st.text())
def test_a_label_is_one_line_and_one_string_whatever_a_person_wrote(text: str) -> None:
    shown = label(text)
    assert shown[0] == shown[-1] == '"'
    assert '"' not in shown[1:-1]
    assert shown.isprintable()
    assert len(shown) <= 130
