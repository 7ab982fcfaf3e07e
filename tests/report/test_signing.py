"""A page that was changed, cut or replaced is seen by its last line."""

from pathlib import Path

import pytest

from tshirt_assets.report.signing import is_signed, page_fault, signed_page

PAGE = "<!doctype html><html><body>ü</body></html>"


def test_a_whole_page_has_no_fault(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_bytes(signed_page(PAGE))
    assert page_fault(path) is None
    assert is_signed(path)
    assert path.read_text().startswith(PAGE)


@pytest.mark.parametrize("position", [0, 10, 30, -80, -2])
def test_one_bit_is_seen(tmp_path: Path, position: int) -> None:
    path = tmp_path / "report.html"
    content = bytearray(signed_page(PAGE))
    content[position] ^= 1
    path.write_bytes(content)
    assert page_fault(path)


def test_pages_of_earlier_versions_have_an_end_at_least(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    assert "cannot be read" in str(page_fault(path, unsigned=True))
    path.write_text(PAGE)
    assert page_fault(path, unsigned=True) is None
    assert not is_signed(path)
    assert "cut off" in str(page_fault(path))
    path.write_text(PAGE[:-3])
    assert "cut off" in str(page_fault(path, unsigned=True))
