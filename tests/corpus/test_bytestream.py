import gzip
import random
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.corpus.bytestream import StreamFault, byte_chunks, lines
from tshirt_assets.corpus.errors import CorpusError

NOISE = random.Random(0).randbytes(100_000)  # does not compress: many pieces
PACK = {"gz": gzip.compress, "zst": zstandard.ZstdCompressor().compress}


def put(folder: Path, name: str, data: bytes) -> str:
    (folder / name).write_bytes(data)
    return str(folder / name)


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_frames_written_one_after_the_other_are_one_content(tmp_path: Path, packed: str) -> None:
    data = PACK[packed](NOISE) + PACK[packed](b"second frame")
    assert b"".join(byte_chunks(put(tmp_path, f"x.{packed}", data))) == NOISE + b"second frame"


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_cut_stream_gives_what_came_before_the_cut(tmp_path: Path, packed: str) -> None:
    text = b"".join(b"%06d\n" % number for number in range(200_000))
    packed_text = PACK[packed](text)
    path = put(tmp_path, f"x.{packed}", packed_text[: len(packed_text) // 2])
    read: list[bytes] = []
    with pytest.raises(StreamFault, match="cut off"):
        read.extend(byte_chunks(path))  # a list keeps what it got before an exception
    whole = b"".join(read)
    assert text.startswith(whole)
    assert len(whole) > len(text) // 4


def test_a_corrupt_stream_gives_what_came_before(tmp_path: Path) -> None:
    data = bytearray(gzip.compress(NOISE))
    data[60_000:60_020] = b"\xff" * 20
    read: list[bytes] = []
    with pytest.raises(StreamFault, match="corrupt"):
        read.extend(byte_chunks(put(tmp_path, "x.gz", bytes(data))))
    assert len(b"".join(read)) > 40_000


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.gz", b"not gzip at all", "corrupt.*compress the file again"),
        ("x.zst", b"not zstd at all", "corrupt.*compress the file again"),
        ("x.gz", gzip.compress(b"")[:5], "cut off"),
        ("x.jsonl", gzip.compress(b"{}"), r"should end in \.gz"),
        ("x.jsonl", '{"a": 1}'.encode("utf-16"), "UTF-16.*iconv"),
    ],
)
def test_a_file_that_cannot_be_read_at_all_raises_one_line(
    tmp_path: Path, name: str, data: bytes, reason: str
) -> None:
    with pytest.raises(CorpusError, match=reason) as caught:
        list(byte_chunks(put(tmp_path, name, data)))
    assert "\n" not in str(caught.value)


def test_missing_file_and_folder_raise(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.jsonl", tmp_path):
        with pytest.raises(CorpusError, match="cannot be read"):
            list(byte_chunks(str(path)))


def test_byte_order_mark_is_no_content(tmp_path: Path) -> None:
    assert list(byte_chunks(put(tmp_path, "x", b"\xef\xbb\xbfabc"))) == [b"abc"]
    assert list(byte_chunks(put(tmp_path, "y", b"\xef\xbb\xbf"))) == []


@given(st.lists(st.binary(max_size=8) | st.sampled_from([b"\n", b"a\nb", b"\r\n"])))
def test_lines_do_not_depend_on_the_chunks(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    expected = [part + b"\n" for part in whole.split(b"\n")]
    expected[-1] = expected[-1][:-1]
    assert list(lines(iter(chunks))) == [line for line in expected if line]
