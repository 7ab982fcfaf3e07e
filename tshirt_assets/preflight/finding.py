"""What a check before a run has found: one line with the place, the problem and the remedy."""

from dataclasses import dataclass
from typing import Literal

Severity = Literal["ok", "warning", "error"]


class PreflightError(RuntimeError):
    """A run that would fail after it has been paid for; one line per fault, with its remedy."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at.

    place: the key of the configuration, or the file. remedy: empty where nothing is to be done, or
    where the problem names it. in_part: an error of one file or pattern, which a run reports and
    leaves out; the rest of the corpus goes on.
    """

    severity: Severity
    place: str
    problem: str
    remedy: str = ""
    in_part: bool = False

    @property
    def line(self) -> str:
        """Place, problem and remedy, on one line that any terminal can show."""
        text = f"{self.place}: {self.problem}" + f"; {self.remedy}" * bool(self.remedy)
        return " ".join(text.splitlines()).encode("utf-8", "backslashreplace").decode()

    @property
    def stops_a_run(self) -> bool:
        """Whether a run is not worth beginning."""
        return self.severity == "error" and not self.in_part

    def __str__(self) -> str:
        return f"{self.severity}: {self.line}"
