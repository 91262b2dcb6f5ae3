from __future__ import annotations

import pytest

from mfdvep.errors import InputError


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("chr1:5: found é", "chr1:5: found é"),
        ("a\nb\r\tc\x1b[1m", "a\\nb\\r\\tc\\x1b[1m"),
        ("two\u2028lines\x85", "two\\u2028lines\\x85"),
        ("a byte that is no UTF-8: \udcff", "a byte that is no UTF-8: \\udcff"),
    ],
)
def test_an_error_is_one_line_that_can_be_printed(text, shown):
    assert str(InputError(text)) == shown
    str(InputError(text)).encode()
