"""The bytes of a plain or compressed file, and the lines in them, without loading the file."""

import codecs
import zlib
from collections.abc import Callable, Iterator
from typing import Any, BinaryIO

import zstandard

from tshirt_assets.corpus.errors import CorpusError

CHUNK = 1 << 20  # bytes read at a time from a plain file
PIECE = 1 << 13  # compressed bytes decoded at a time; a fault costs at most the rows in them

GZIP_MAGIC = b"\x1f\x8b"
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"


class StreamFault(Exception):
    """A compressed stream ends or breaks here; what it gave before is good."""


def compression(path: str) -> str | None:
    """`gzip`, `zstd` or None, by the ending of the name."""
    return "gzip" if path.endswith(".gz") else "zstd" if path.endswith(".zst") else None


def byte_chunks(path: str) -> Iterator[bytes]:
    """Decompressed content of a file in non-empty chunks, without a UTF-8 byte order mark.

    Raises `CorpusError` for a file that cannot be read at all, `StreamFault` where a compressed
    stream is cut off or corrupt after its first bytes.
    """
    started = False
    try:
        for chunk in _decoded(path):
            if not started:
                _refuse_other_encodings(path, chunk)
                chunk = chunk.removeprefix(codecs.BOM_UTF8)
                started = True
            if chunk:
                yield chunk
    except OSError as error:
        raise CorpusError(
            f"{path}: cannot be read ({error.strerror}); check the path and its permissions"
        ) from None
    except StreamFault as fault:
        if started:
            raise
        raise CorpusError(f"{path}: {fault}; download or compress the file again") from None


def lines(chunks: Iterator[bytes]) -> Iterator[bytes]:
    """Split chunks at newlines, which are kept; a last line may lack its own."""
    pending: list[bytes] = []
    for chunk in chunks:
        *ended, rest = chunk.split(b"\n")
        for line in ended:
            pending.append(line + b"\n")
            yield b"".join(pending)
            pending.clear()
        if rest:
            pending.append(rest)
    if pending:
        yield b"".join(pending)


def _decoded(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        match compression(path):
            case "gzip":
                yield from _decompressed(file, lambda: zlib.decompressobj(wbits=31), "gzip")
            case "zstd":
                decompressor = zstandard.ZstdDecompressor()
                yield from _decompressed(file, decompressor.decompressobj, "zstd")
            case _:
                while chunk := file.read(CHUNK):
                    yield chunk


def _decompressed(file: BinaryIO, new_decoder: Callable[[], Any], name: str) -> Iterator[bytes]:
    """Decode one or several frames written one after the other."""
    decoder = None
    while piece := file.read(PIECE):
        while piece:
            if decoder is None or decoder.eof:
                decoder = new_decoder()
            try:
                data = decoder.decompress(piece)
            except (zlib.error, zstandard.ZstdError) as error:
                raise StreamFault(f"the {name} data is corrupt ({error})") from None
            if data:
                yield data
            piece = decoder.unused_data
    if decoder is not None and not decoder.eof:
        raise StreamFault(f"the {name} data is cut off")


def _refuse_other_encodings(path: str, head: bytes) -> None:
    if head.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise CorpusError(f"{path}: is UTF-16 text; convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)")
    if head.startswith((GZIP_MAGIC, ZSTD_MAGIC)):
        raise CorpusError(f"{path}: is compressed; its name should end in .gz or .zst")
