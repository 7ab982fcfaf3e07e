"""How numbers are written."""

import pytest

from tshirt_assets.report.numbers import number, percent, signed, size, tick


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (None, "–"),
        (float("nan"), "–"),
        (0, "0"),
        (12345, "12,345"),
        (-3, "−3"),
        (0.93456, "0.935"),
        (-0.0231, "−0.0231"),
        (1234.5678, "1,235"),
        (0.000001234, "1.23e−06"),
    ],
)
def test_number(value: float | None, expected: str) -> None:
    assert number(value) == expected


@pytest.mark.parametrize(
    ("part", "whole", "expected"),
    [(1, 0, "–"), (0, 10, "0 %"), (63, 1050, "6 %"), (1, 3, "33.3 %"), (1, 100_000, "< 0.01 %")],
)
def test_percent(part: float, whole: float, expected: str) -> None:
    assert percent(part, whole) == expected


def test_signed_and_tick() -> None:
    assert signed(0.5) == "+0.50"
    assert signed(-1.25) == "−1.25"
    assert signed(-0.004) == "0.00"
    assert [tick(v, 0.05) for v in (0.95, 1.0, -0.05)] == ["0.95", "1.00", "−0.05"]
    assert tick(2000, 500) == "2,000"


@pytest.mark.parametrize(
    ("n_bytes", "expected"),
    [(0, "0 bytes"), (592, "592 bytes"), (9_397, "9.40 kB"), (1_234_567, "1.23 MB")],
)
def test_size(n_bytes: int, expected: str) -> None:
    assert size(n_bytes) == expected
