"""The bytes of a plain or compressed file, and the lines in them, in bounded memory."""

import codecs
import os
import zlib
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any, BinaryIO

import zstandard

from tshirt_assets.corpus.addresses import Address, is_remote, without_query
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.remote import look, open_file

CHUNK = 1 << 20  # bytes read at a time from a plain file
# Compressed bytes decoded at a time: a fault costs at most the rows in them, and what comes out of
# one piece has a bound (8 MiB), because gzip packs at most 1,032 bytes into one, and zstd at most
# a block of 128 KiB into four.
PIECES = {"gzip": 1 << 13, "zstd": 1 << 8}
MAX_WINDOW = 1 << 28  # bytes of zstd's window (--long=28); a decoder allocates as much
HEAD = 1 << 16  # bytes that decide where lines end
MOST_FRAMES = 1024  # of a compressed file that are noted, evenly spaced

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class StreamFault(Exception):
    """The content breaks off here; what came before is good."""


class LongLine(bytes):
    """The beginning of a line that is longer than allowed; the rest of it was passed over."""

    size: int  # bytes of the whole line, its end included


@dataclass(slots=True)
class Frames:
    """Where decompression can begin: what lies before, in bytes of the file and of its content.

    `mark`: bytes of the UTF-8 mark that the content begins with. `failed`: the operating system
    could not read on, which may be otherwise another time.
    """

    starts: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    mark: int = 0
    failed: bool = False

    def note(self, start: tuple[int, int], apart: int) -> None:
        """Add a place, unless there is one less than `apart` bytes of the file before it."""
        if start[0] - self.starts[-1][0] >= max(apart, 1):
            self.starts.append(start)

    def before(self, content: int) -> tuple[int, int]:
        """The last place that is not behind this much content."""
        return self.starts[bisect_right(self.starts, content, key=lambda start: start[1]) - 1]


def compression(path: str) -> str | None:
    """`gzip`, `zstd` or None, by the ending of the name."""
    name = without_query(path).lower()
    return "gzip" if name.endswith(".gz") else "zstd" if name.endswith(".zst") else None


def content_version(path: str) -> str:
    """Version of a file: changes whenever it is written. Raises `CorpusError` if it is gone."""
    if is_remote(path):
        return look(path).version
    try:
        stat = os.stat(path)
    except OSError as error:
        raise _unreadable(path, error) from None
    return f"{stat.st_size}-{stat.st_mtime_ns}"


def listed_version(path: str) -> str:
    """As `content_version`; of a file elsewhere as its listing told, if it did, without a request.

    For what asks about many files at once, right after they were listed.
    """
    seen = path.seen if isinstance(path, Address) else None
    return seen.version if seen else content_version(path)


def content_size(path: str) -> int:
    """Bytes of a file as it is stored. Raises `OSError` or `CorpusError` if it is gone."""
    if not is_remote(path):
        return os.path.getsize(path)
    seen = path.seen if isinstance(path, Address) else None
    return (seen or look(path)).size


def byte_chunks(path: str, frames: Frames | None = None, start: int = 0) -> Iterator[bytes]:
    """Decompressed content of a file in non-empty chunks of at most 8 MiB, without a UTF-8 mark.

    From the beginning, noting in `frames` where it can be read from; or from `start`, a number of
    bytes of content without the mark, with the `frames` of an earlier reading. The chunks end at
    the same places then.

    Raises `CorpusError` for a file that cannot be read at all, and for one elsewhere that changes
    or fails while it is read; `StreamFault` where the content is cut off, corrupt or unreadable
    after its first bytes.
    """
    frames = frames or Frames()
    started = False
    try:
        for chunk in _decoded(path, frames, start + frames.mark if start else 0):
            if not started and not start:
                _refuse_other_contents(path, chunk)
                frames.mark = len(codecs.BOM_UTF8) if chunk.startswith(codecs.BOM_UTF8) else 0
                chunk = chunk[frames.mark :]
            started = True
            if chunk:
                yield chunk
    except StreamFault as fault:
        if started or start:
            raise
        raise CorpusError(f"{path}: {fault}; download or compress the file again") from None
    except OSError as error:
        frames.failed = True
        if started:
            raise StreamFault(f"cannot be read ({error.strerror})") from None
        raise _unreadable(path, error) from None


def _unreadable(path: str, error: OSError) -> CorpusError:
    reason = f"cannot be read ({error.strerror})"
    return CorpusError(f"{path}: {reason}; check the path and its permissions")


def refuse_pointer(path: str, file: BinaryIO) -> None:
    """Raise `CorpusError` for a Git LFS pointer, whose content was never downloaded.

    The file is read from its beginning, and stands there again.
    """
    head = file.read(len(LFS_POINTER))
    file.seek(0)
    if head == LFS_POINTER:
        raise CorpusError(
            f"{path}: is a Git LFS pointer, the data itself is not there; run `git lfs pull`"
        )


def line_end(chunks: Iterator[bytes]) -> tuple[bytes, Iterator[bytes]]:
    """How lines end, and the chunks with those in front that were read to know.

    Lines end with a newline, in a file whose beginning has none with a carriage return.
    """
    head: list[bytes] = []
    for chunk in chunks:
        head.append(chunk)
        if b"\n" in chunk or sum(map(len, head)) >= HEAD:
            break
    first = b"".join(head)
    return b"\r" if b"\r" in first and b"\n" not in first else b"\n", chain([first], chunks)


def lines(chunks: Iterator[bytes], limit: int, end: bytes) -> Iterator[bytes]:
    """Split chunks at line ends, which are kept; a last line may lack its own.

    A line of more than `limit` bytes is a `LongLine`: its beginning, so that no more is ever held.
    """
    pending: list[bytes] = []
    size = 0
    for chunk in chunks:
        *ended, rest = chunk.split(end)
        for line in ended:
            if not pending and len(line) < limit:
                yield line + end
                continue
            pending.append(line + end)
            yield _joined(pending, size + len(line) + 1, limit)
            pending.clear()
            size = 0
        if rest:
            if size <= limit:
                pending.append(rest)
            size += len(rest)
    if pending:
        yield _joined(pending, size, limit)


def _joined(parts: list[bytes], size: int, limit: int) -> bytes:
    """The line made of these parts; of a longer one than the limit its beginning."""
    if size <= limit:
        return b"".join(parts)
    line = LongLine(b"".join(parts)[:limit])
    line.size = size
    return line


def _decoded(path: str, frames: Frames, start: int) -> Iterator[bytes]:
    with open_file(path) as file:
        if not start:
            refuse_pointer(path, file)
        kind = compression(path)
        if kind is None:
            file.seek(start)
            size = CHUNK - start % CHUNK
            while chunk := file.read(size):
                yield chunk
                size = CHUNK
            return
        magic = file.read(len(ZSTD_MAGIC))
        # What the file begins with says more than its name.
        if magic == ZSTD_MAGIC:
            kind = "zstd"
        elif magic.startswith(GZIP_MAGIC):
            kind = "gzip"
        passed = start - frames.before(start)[1]
        for data in _decompressed(file, kind, frames, start):
            if passed < len(data):
                yield data[passed:]
            passed = max(0, passed - len(data))


def _decompressed(file: BinaryIO, kind: str, frames: Frames, start: int) -> Iterator[bytes]:
    """Decode one or several frames written one after the other, and zero bytes after them.

    Begins with the frame that holds the byte `start` of the content, and notes frames if that is 0.
    """
    position, content = frames.before(start)
    apart = file.seek(0, os.SEEK_END) // MOST_FRAMES
    file.seek(position)
    decoder = None
    # Pieces end at the same places wherever reading begins.
    while piece := file.read(PIECES[kind] - position % PIECES[kind]):
        position += len(piece)
        while piece:
            if decoder is None or decoder.eof:
                if decoder is not None:
                    piece = piece.lstrip(b"\0")  # padding to whole blocks, of tapes for example
                    if not piece:
                        break
                    if not start:
                        frames.note((position - len(piece), content), apart)
                decoder = _decoder(kind)
            try:
                data = decoder.decompress(piece)
            except Exception as error:  # whatever a decoder raises is a fault of its input
                raise StreamFault(_reason(kind, error)) from None
            if data:
                content += len(data)
                yield data
            piece = decoder.unused_data if decoder.eof else b""
    if decoder is not None and not decoder.eof:
        raise StreamFault(f"the {kind} data is cut off")


def _decoder(kind: str) -> Any:
    if kind == "gzip":
        return zlib.decompressobj(wbits=31)
    return zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW).decompressobj()


def _reason(name: str, error: Exception) -> str:
    if "too much memory" in str(error):
        return f"the {name} data needs a window of more than {MAX_WINDOW >> 20} MiB"
    return f"the {name} data is corrupt ({error})"


def _refuse_other_contents(path: str, head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError(f"{path}: is UTF-16 text; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")
    if head.startswith((GZIP_MAGIC, ZSTD_MAGIC)):
        raise CorpusError(f"{path}: is compressed; its name should end in .gz or .zst")
