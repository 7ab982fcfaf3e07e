"""Where a JSON value that cannot be decoded ends, told from its brackets and strings."""

import re
from typing import Final

TOKEN: Final = re.compile(r'["{}\[\],:]|[^\s"{}\[\],:]+')
IN_STRING: Final = re.compile(r'["\\\n]')
CLOSES: Final = {"}": "{", "]": "["}
WORD = "w"  # stands for numbers, names and whatever else is no bracket, comma, colon or string
MOST_ODDITIES = 200  # afterwards it is likelier that inside and outside of strings are confused
DEEPEST = 1 << 20


class Scanner:
    """Follows the text of one broken value; it can be given in parts.

    `oddities` counts what no JSON has: text after a string, a line end inside one. `lost` is set
    where the brackets do not fit each other either, so that nothing more can be told.
    """

    def __init__(self, in_array: bool) -> None:
        self.in_array = in_array
        self.open: list[str] = []
        self.in_string = False
        self.before = ""  # the token before
        self.oddities = 0
        self.lost = False

    def scan(self, text: str, at: int) -> tuple[int, bool]:
        """Go on at `at`: the position reached, and whether the value ends there."""
        while not self.lost:
            if self.in_string:
                found = IN_STRING.search(text, at)
                if found is None:
                    return len(text), False
                at = found.end()
                if found[0] == "\\":
                    if at == len(text):  # what it escapes is not there yet
                        return at - 1, False
                    at += 1
                elif found[0] == "\n":
                    self._odd()
                else:
                    self.in_string, self.before = False, '"'
                continue
            found = TOKEN.search(text, at)
            if found is None:
                return len(text), False
            token = found[0] if found[0] in '"{}[],:' else WORD
            if self._ends_before(token):
                return found.start(), True
            at = found.end()
            self._take(token)
            if not self.in_array and token in CLOSES and not self.open and not self.lost:
                return at, True
            self.before = token
        return at, False

    def _ends_before(self, token: str) -> bool:
        if self.open:
            return False
        if self.in_array:
            return token in ",]"
        return token == "," or (token in "{[" and self.before != "")

    def _take(self, token: str) -> None:
        if (self.before == '"' and token in (WORD, '"')) or (self.before == WORD and token == '"'):
            self._odd()
        if token == '"':
            self.in_string = True
        elif token in "{[":
            inside = self.open[-1] if self.open else ""
            fits = self.before == ":" if inside == "{" else self.before in ("", ",", "[")
            self.lost = self.lost or not fits or len(self.open) > DEEPEST
            self.open.append(token)
        elif token in CLOSES:
            if not self.open:
                self._odd()
            elif self.open.pop() != CLOSES[token]:
                self.lost = True

    def _odd(self) -> None:
        self.oddities += 1
        self.lost = self.oddities > MOST_ODDITIES
