"""Decoding of one JSON value, in which no member of an object is lost."""

import json
from typing import Any, Final

from tshirt_assets.corpus.records import Undecodable


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object; where a name has several different values, none of them counts."""
    members = dict(pairs)
    if len(members) < len(pairs):
        for name, value in pairs:
            if repr(value) != repr(members[name]):
                members[name] = Undecodable("the name is there more than once, with other values")
    return members


DECODER: Final = json.JSONDecoder(object_pairs_hook=_members)
