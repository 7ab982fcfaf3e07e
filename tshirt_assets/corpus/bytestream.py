"""The bytes of a plain or compressed file, and the lines in them, in bounded memory."""

import codecs
import os
import zlib
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Any, BinaryIO

import zstandard

from tshirt_assets.corpus.errors import CorpusError

CHUNK = 1 << 20  # bytes read at a time from a plain file
# Compressed bytes decoded at a time: a fault costs at most the rows in them, and what comes out of
# one piece has a bound (8 MiB), because gzip packs at most 1,032 bytes into one, and zstd at most
# a block of 128 KiB into four.
PIECES = {"gzip": 1 << 13, "zstd": 1 << 8}
MAX_WINDOW = 1 << 28  # bytes of zstd's window (--long=28); a decoder allocates as much
HEAD = 1 << 16  # bytes that decide where lines end

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
LFS_POINTER = b"version https://git-lfs.github.com/spec/"


class StreamFault(Exception):
    """The content breaks off here; what came before is good."""


class LongLine(bytes):
    """The beginning of a line that is longer than allowed; the rest of it was passed over."""


def compression(path: str) -> str | None:
    """`gzip`, `zstd` or None, by the ending of the name."""
    name = path.lower()
    return "gzip" if name.endswith(".gz") else "zstd" if name.endswith(".zst") else None


def byte_chunks(path: str) -> Iterator[bytes]:
    """Decompressed content of a file in non-empty chunks of at most 8 MiB, without a UTF-8 mark.

    Raises `CorpusError` for a file that cannot be read at all, `StreamFault` where the content is
    cut off, corrupt or unreadable after its first bytes.
    """
    started = False
    try:
        for chunk in _decoded(path):
            if not started:
                _refuse_other_contents(path, chunk)
                chunk = chunk.removeprefix(codecs.BOM_UTF8)
                started = True
            if chunk:
                yield chunk
    except StreamFault as fault:
        if started:
            raise
        raise CorpusError(f"{path}: {fault}; download or compress the file again") from None
    except OSError as error:
        reason = f"cannot be read ({error.strerror})"
        if started:
            raise StreamFault(reason) from None
        raise CorpusError(f"{path}: {reason}; check the path and its permissions") from None


def refuse_pointer(path: str) -> None:
    """Raise `CorpusError` for a Git LFS pointer, whose content was never downloaded."""
    try:
        with open(path, "rb") as file:
            head = file.read(len(LFS_POINTER))
    except OSError:
        return  # whoever reads the file says why it cannot be read
    if head == LFS_POINTER:
        raise CorpusError(
            f"{path}: is a Git LFS pointer, the data itself is not there; run `git lfs pull`"
        )


def lines(chunks: Iterator[bytes], limit: int) -> Iterator[bytes]:
    """Split chunks at line ends, which are kept; a last line may lack its own.

    Lines end with a newline, in a file whose beginning has none with a carriage return. One of
    more than `limit` bytes is a `LongLine`: its beginning, so that no more is ever held.
    """
    head: list[bytes] = []
    for chunk in chunks:
        head.append(chunk)
        if b"\n" in chunk or sum(map(len, head)) >= HEAD:
            break
    first = b"".join(head)
    end = b"\r" if b"\r" in first and b"\n" not in first else b"\n"
    pending: list[bytes] = []
    size = 0
    for chunk in chain([first], chunks):
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
    return b"".join(parts) if size <= limit else LongLine(b"".join(parts)[:limit])


def _decoded(path: str) -> Iterator[bytes]:
    refuse_pointer(path)
    with open(path, "rb") as file:
        kind = compression(path)
        if kind is None:
            while chunk := file.read(CHUNK):
                yield chunk
            return
        magic = file.read(len(ZSTD_MAGIC))
        file.seek(0, os.SEEK_SET)
        # What the file begins with says more than its name.
        if magic == ZSTD_MAGIC:
            kind = "zstd"
        elif magic.startswith(GZIP_MAGIC):
            kind = "gzip"
        if kind == "gzip":
            yield from _decompressed(file, lambda: zlib.decompressobj(wbits=31), kind)
        else:
            decompressor = zstandard.ZstdDecompressor(max_window_size=MAX_WINDOW)
            yield from _decompressed(file, decompressor.decompressobj, kind)


def _decompressed(file: BinaryIO, new_decoder: Callable[[], Any], name: str) -> Iterator[bytes]:
    """Decode one or several frames written one after the other, and zero bytes after them."""
    decoder = None
    while piece := file.read(PIECES[name]):
        while piece:
            if decoder is None or decoder.eof:
                if decoder is not None:
                    piece = piece.lstrip(b"\0")  # padding to whole blocks, of tapes for example
                    if not piece:
                        break
                decoder = new_decoder()
            try:
                data = decoder.decompress(piece)
            except Exception as error:  # whatever a decoder raises is a fault of its input
                raise StreamFault(_reason(name, error)) from None
            if data:
                yield data
            piece = decoder.unused_data if decoder.eof else b""
    if decoder is not None and not decoder.eof:
        raise StreamFault(f"the {name} data is cut off")


def _reason(name: str, error: Exception) -> str:
    if "too much memory" in str(error):
        return f"the {name} data needs a window of more than {MAX_WINDOW >> 20} MiB"
    return f"the {name} data is corrupt ({error})"


def _refuse_other_contents(path: str, head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError(f"{path}: is UTF-16 text; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")
    if head.startswith((GZIP_MAGIC, ZSTD_MAGIC)):
        raise CorpusError(f"{path}: is compressed; its name should end in .gz or .zst")
