"""Credentials: where they must not be written, and how they are kept out of what people read."""

import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote

MASK: Final = "***"
_TELLING: Final = re.compile(r"key|secret|token|password|passwd|credential|signature|^sig$", re.I)
# How white space appears in a quoted text, such as the one of a Rust error.
_SPACE: Final = r"(?:\s|\\[nrtvf]|%20|%0[9A-Da-d]|\+)+"


def in_address(address: str) -> bool:
    """True for a URI that holds a password (`s3://user:secret@bucket`) or a key in its query."""
    _, scheme, rest = address.partition("://")
    if not scheme:
        return False
    authority, query = re.split(r"[/?]", rest, maxsplit=1)[0], rest.partition("?")[2]
    user, _, host = authority.rpartition("@")
    # A password with a slash in it ends what counts as the host: `user:pass` is no port.
    port = host.rpartition("]")[2].partition(":")[2]
    named = any(_TELLING.search(name) for name, _ in parse_qsl(query, keep_blank_values=True))
    return ":" in user or not re.fullmatch(r"\d*", port) or named


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each secret, however its white space was changed on the way."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be part of another
        words = secret.split()
        if words:
            written = [_SPACE.join(map(re.escape, words))]
            written += [_SPACE.join(re.escape(quote(word, safe="")) for word in words)]
            text = re.sub("|".join(written), MASK, text)
    return text
