import gzip
import random
import tracemalloc
from pathlib import Path

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from tshirt_assets.corpus.bytestream import LongLine, StreamFault, byte_chunks, line_end, lines
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
    data = bytearray(gzip.compress(NOISE, mtime=0))
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
        ("x.gz", gzip.compress(b"", mtime=0)[:5], "cut off"),
        ("x.jsonl", gzip.compress(b"{}", mtime=0), r"should end in \.gz"),
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


def split(chunks: list[bytes], limit: int = 1 << 20) -> list[bytes]:
    end, found = line_end(iter(chunks))
    return list(lines(found, limit, end))


@given(st.lists(st.binary(max_size=8) | st.sampled_from([b"\n", b"a\nb", b"\r\n", b"\r"])))
def test_lines_do_not_depend_on_the_chunks(chunks: list[bytes]) -> None:
    whole = b"".join(chunks)
    end = b"\r" if b"\r" in whole and b"\n" not in whole else b"\n"
    expected = [part + end for part in whole.split(end)]
    expected[-1] = expected[-1][:-1]
    assert split(chunks) == [line for line in expected if line]


def test_old_mac_lines() -> None:
    assert split([b"a\rb", b"\rc"]) == [b"a\r", b"b\r", b"c"]
    assert split([b"a\r", b"\nb\r\n"]) == [b"a\r\n", b"b\r\n"]


@given(st.lists(st.binary(max_size=9) | st.just(b"\n"), max_size=20), st.integers(1, 12))
def test_no_line_is_longer_than_the_limit(chunks: list[bytes], limit: int) -> None:
    whole = split([chunk.replace(b"\r", b"") for chunk in chunks])
    bounded = split([chunk.replace(b"\r", b"") for chunk in chunks], limit)
    assert bounded == [line[:limit] for line in whole]
    assert [isinstance(line, LongLine) for line in bounded] == [len(w) > limit for w in whole]


def test_an_endless_line_is_never_held() -> None:
    tracemalloc.start()
    chunks = (b"x" * (1 << 20) for _ in range(256))
    [line] = lines(chunks, 1 << 21, b"\n")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert isinstance(line, LongLine)
    assert peak < 16 << 20


@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_a_bomb_comes_in_small_chunks(tmp_path: Path, packed: str) -> None:
    path = put(tmp_path, f"x.{packed}", PACK[packed](bytes(1 << 27)))
    sizes = [len(chunk) for chunk in byte_chunks(path)]
    assert sum(sizes) == 1 << 27
    assert max(sizes) <= 9 << 20


@pytest.mark.parametrize("name", ["x.JSONL.GZ", "x.gz", "x.zst", "x.jsonl.Zst"])
@pytest.mark.parametrize("packed", ["gz", "zst"])
def test_the_content_says_how_it_is_compressed(tmp_path: Path, name: str, packed: str) -> None:
    path = put(tmp_path, name, PACK[packed](NOISE))
    assert b"".join(byte_chunks(path)) == NOISE


def test_zero_bytes_after_a_gzip_member_are_padding(tmp_path: Path) -> None:
    data = gzip.compress(b"one") + bytes(20_000) + gzip.compress(b" two") + bytes(3)
    assert b"".join(byte_chunks(put(tmp_path, "x.gz", data))) == b"one two"


@pytest.mark.parametrize(("window", "reads"), [(27, True), (28, True), (29, False)])
def test_long_windows(tmp_path: Path, window: int, reads: bool) -> None:
    options = zstandard.ZstdCompressionParameters.from_level(3, window_log=window)
    compressor = zstandard.ZstdCompressor(compression_params=options).compressobj()
    path = put(tmp_path, "x.zst", compressor.compress(NOISE) + compressor.flush())
    if reads:
        assert b"".join(byte_chunks(path)) == NOISE
    else:
        with pytest.raises(CorpusError, match="a window of more than 256 MiB"):
            list(byte_chunks(path))


def test_a_frame_that_may_be_skipped_is(tmp_path: Path) -> None:
    frame = b"\x50\x2a\x4d\x18" + (4).to_bytes(4, "little") + b"note"
    path = put(tmp_path, "x.zst", frame + PACK["zst"](NOISE))
    assert b"".join(byte_chunks(path)) == NOISE


def test_a_git_lfs_pointer_is_named(tmp_path: Path) -> None:
    pointer = b"version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 1\n"
    for name in ("x.jsonl", "x.csv", "x.json.gz"):
        with pytest.raises(CorpusError, match=r"Git LFS pointer.*git lfs pull"):
            list(byte_chunks(put(tmp_path, name, pointer)))
