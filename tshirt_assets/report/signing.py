"""The last line of a report: a hash of all before it, by which a change is seen."""

import hashlib
import re
from pathlib import Path
from typing import Final

SIGNATURE: Final = re.compile(rb"<!-- sha256 ([0-9a-f]{64}) -->\n\Z")
END: Final = b"</html>"


def signed_page(page: str) -> bytes:
    """The bytes of a page, with the hash of them in a comment behind it."""
    text = page.encode()
    if not text.endswith(b"\n"):
        text += b"\n"
    return text + f"<!-- sha256 {hashlib.sha256(text).hexdigest()} -->\n".encode()


def page_fault(path: Path, *, unsigned: bool = False) -> str | None:
    """What is wrong with a report; None where it is the page that was written.

    unsigned: it may be one of an earlier version, of which only the end can be checked.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        return f"cannot be read ({error.strerror})"
    signature = SIGNATURE.search(content)
    if signature is None:
        whole = unsigned and content.rstrip().endswith(END)
        return None if whole else "is cut off, or is no report of this package"
    text = content[: signature.start()]
    same = hashlib.sha256(text).hexdigest().encode() == signature[1]
    return None if same else "is not the page that was written (its SHA-256 differs)"


def is_signed(path: Path) -> bool:
    """Whether a report that can be read ends with its hash; those of earlier versions do not."""
    return SIGNATURE.search(path.read_bytes()) is not None
