"""Credentials: where they must not be written, and how they are kept out of what people read."""

import os
import re
from collections.abc import Iterable
from typing import Final
from urllib.parse import parse_qsl, quote

MASK: Final = "***"
OPTIONS_WITH_CREDENTIALS: Final = {"storage_options", "source_options"}
"""Options of a corpus that are never written anywhere, and change nothing that is computed."""
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


class UnsetVariable(LookupError):
    """An option refers to an environment variable that is not set; its argument is the name."""


def variables(value: str) -> list[str]:
    """The names of the environment variables that an option refers to as `${NAME}`."""
    return re.findall(r"\$\{([A-Za-z_][A-Za-z0-9_]*)\}", value)


def resolved(value: str) -> str:
    """An option with the values of its variables: secret. Raises `UnsetVariable`."""
    for name in variables(value):
        if name not in os.environ:
            raise UnsetVariable(name)
        value = value.replace(f"${{{name}}}", os.environ[name])
    return value


def secrets_in(values: Iterable[str]) -> list[str]:
    """What must not be shown of options: their values, and those of their variables."""
    written = [*values]
    written += [os.environ.get(name, "") for value in written for name in variables(value)]
    stripped = [value.strip() for value in written]
    harmless = {"true", "false"}
    return [one for one in stripped if len(one) > 1 and one.lower() not in harmless]


def masked(text: str, secrets: Iterable[str]) -> str:
    """`text` with `***` for each secret, however its white space was changed on the way."""
    for secret in sorted(secrets, key=len, reverse=True):  # one may be part of another
        words = secret.split()
        if words:
            written = [_SPACE.join(map(re.escape, words))]
            written += [_SPACE.join(re.escape(quote(word, safe="")) for word in words)]
            text = re.sub("|".join(written), MASK, text)
    return text
