"""What people have judged of rows: keep one, drop one, mark one with a label and a note.

A judgement hangs on the content of a row, its sample id, and so outlives new scores and moved
files. The table `judgements` of a corpus is a log of entries: what was said last of a row counts,
for its verdict, label and note each. It is the one table that cannot be computed again.
"""

import getpass
import hashlib
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final, Self

import polars as pl

from tshirt_assets.incremental.columns import JUDGEMENTS as COLUMNS
from tshirt_assets.store.frames import to_frame, to_schema
from tshirt_assets.store.log import append_rows
from tshirt_assets.store.store import Store

JUDGEMENTS: Final = "judgements"
VERDICTS: Final = ("keep", "drop")
CLEARED: Final = ""
"""In place of a verdict, label or note: there is none any more."""
FIELDS: Final = {"verdict": 4, "label": 200, "note": 20_000}
"""What may be said of a row, and the most characters of it."""
WHO_CHARACTERS: Final = 200
_UNSHOWN = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")
_SAMPLE_ID = re.compile(r"[0-9a-f]{32}")
_TIME: Final = pl.Datetime("us", "UTC")
_LATEST: Final[dict[str, pl.DataType | type[pl.DataType]]] = {
    "sample_id": pl.String,
    "verdict": pl.String,
    "label": pl.String,
    "note": pl.String,
    "who": pl.String,
    "at": _TIME,
    "verdict_who": pl.String,
    "verdict_at": _TIME,
}


class JudgementError(ValueError):
    """Something that is no judgement; the message says in a sentence what to write instead."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """An entry of the log: what somebody says of a row.

    verdict (`keep` or `drop`), label and note: None leaves what was said before, `CLEARED` takes
    it back. who: by default the user of this computer. at: UTC, by default now.
    """

    sample_id: str
    verdict: str | None = None
    label: str | None = None
    note: str | None = None
    who: str = ""
    at: datetime | None = None

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """A judgement from what JSON or a CSV file holds; a field that is null is taken back.

        Raises `JudgementError` for anything else.
        """
        unknown = values.keys() - {"sample_id", *FIELDS}
        if unknown:
            known = ", ".join(("sample_id", *FIELDS))
            raise JudgementError(f"unknown field {min(map(repr, unknown))}; there are: {known}")
        sample_id = values.get("sample_id")
        if not (isinstance(sample_id, str) and _SAMPLE_ID.fullmatch(sample_id)):
            raise JudgementError(f"sample_id: {_shown(sample_id)} is none; write 32 hex digits")
        said: dict[str, Any] = {n: _said(n, values[n]) for n in FIELDS if n in values}
        if not said:
            raise JudgementError("nothing is said of the row; write verdict, label or note")
        return cls(sample_id, **said)

    @property
    def judgement_id(self) -> str:
        """Hash of all of it, by which an entry is known when it is read again."""
        at = None if self.at is None else self.at.astimezone(UTC).isoformat()
        parts = [self.sample_id, self.verdict, self.label, self.note, self.who, at]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=16).hexdigest()


def record(store: Store, corpus: str, entries: Iterable[Judgement]) -> int:
    """Add entries to the log of a corpus, all or none; the number of those that change something.

    What says nothing new, and what is in the log already, is left out. Several processes may
    record at once, and none loses an entry. Raises `StoreError`.
    """
    log = read_log(store, corpus)
    known = set(log["judgement_id"])
    last = {row["sample_id"]: row for row in latest(log).iter_rows(named=True)}
    new: list[Judgement] = []
    for entry in entries:
        before = last.get(entry.sample_id, {})
        said = {name: text for name in FIELDS if (text := getattr(entry, name)) is not None}
        if all(text == (before.get(name) or CLEARED) for name, text in said.items()):
            continue
        at = _time(entry.at, before.get("at"))
        entry = replace(entry, who=entry.who or os_user(), at=at)
        if entry.judgement_id in known:
            continue
        known.add(entry.judgement_id)
        new.append(entry)
        if not before or at > before["at"]:
            last[entry.sample_id] = {**before, **said, "at": at}
    if new:
        append_rows(store, corpus, JUDGEMENTS, to_schema(_frame(new), COLUMNS))
    return len(new)


def read_judgements(store: Store, corpus: str) -> pl.DataFrame:
    """What was said last: a line per row that has a verdict, a label or a note, by sample_id.

    Columns: sample_id, verdict, label and note (null where there is none), who and at (UTC) of the
    last entry, verdict_who and verdict_at of the verdict. Empty where nobody has judged.
    """
    return latest(read_log(store, corpus))


def read_log(store: Store, corpus: str) -> pl.DataFrame:
    """All entries of a corpus, the earliest first. Raises `DamagedTableError`."""
    info = store.info(corpus, JUDGEMENTS)
    if info is None:
        return to_frame(COLUMNS.empty_table())
    rows = to_frame(store.read(corpus, JUDGEMENTS, version=info.version))
    return rows.unique("judgement_id", keep="first", maintain_order=True).sort(
        "at", maintain_order=True
    )


def latest(log: pl.DataFrame) -> pl.DataFrame:
    """What was said last of each row of a log, in the columns of `read_judgements`."""
    if log.is_empty():
        return pl.DataFrame(schema=_LATEST)
    of_verdict = pl.col("verdict").is_not_null()
    said = log.group_by("sample_id").agg(
        *(pl.col(name).drop_nulls().last().replace(CLEARED, None) for name in FIELDS),
        pl.col("who", "at").last(),
        verdict_who=pl.col("who").filter(of_verdict).last(),
        verdict_at=pl.col("at").filter(of_verdict).last(),
    )
    something = pl.any_horizontal(pl.col(name).is_not_null() for name in FIELDS)
    return said.filter(something).select(list(_LATEST)).sort("sample_id")


def verdicts(judged: pl.DataFrame) -> pl.DataFrame:
    """sample_id, verdict, who and at of the rows that were kept or dropped."""
    decided = judged.filter(pl.col("verdict").is_not_null())
    return decided.select("sample_id", "verdict", who="verdict_who", at="verdict_at")


def verdicts_version(judged: pl.DataFrame) -> str:
    """Hash of the verdicts that count, by which selections are told to be stale; empty if none.

    Labels and notes select nothing and have no part in it.
    """
    return _version(verdicts(judged))


def judgements_version(judged: pl.DataFrame) -> str:
    """Hash of all that was said last, by whom and when; empty where there is nothing."""
    return _version(judged)


def damaged_entries(log: pl.DataFrame) -> Sequence[str]:
    """judgement_id of the entries of a log that are not what was recorded."""
    entries = (
        (row.pop("judgement_id"), Judgement(**row))
        for row in log.select(COLUMNS.names).iter_rows(named=True)
    )
    return [known for known, entry in entries if entry.judgement_id != known]


def os_user() -> str:
    """The user of this computer, as the system names them."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):  # no name for the number of this user
        return "unknown"


def _version(rows: pl.DataFrame) -> str:
    text = rows.write_json().encode()
    return hashlib.blake2b(text, digest_size=8).hexdigest() if rows.height else ""


def _frame(entries: Sequence[Judgement]) -> pl.DataFrame:
    names = [name for name in COLUMNS.names if name != "judgement_id"]
    columns = {name: [getattr(entry, name) for entry in entries] for name in names}
    ids = [entry.judgement_id for entry in entries]
    return pl.DataFrame({"judgement_id": ids, **columns}, schema_overrides=_LATEST)


def _time(given: datetime | None, last: datetime | None) -> datetime:
    """When an entry counts as said: never in the future; without a time, after the last one."""
    now = datetime.now(UTC)
    if given is not None:
        return min(given.astimezone(UTC), now)
    return now if last is None else max(now, last + timedelta(microseconds=1))


def _said(name: str, value: Any) -> str:
    if value is None:
        return CLEARED
    if not isinstance(value, str):
        raise JudgementError(f"{name}: {_shown(value)} is no text")
    text = value.strip()
    if name == "verdict" and text not in (*VERDICTS, CLEARED):
        raise JudgementError(f"verdict: {_shown(value)} is none; write keep or drop")
    if len(text) > FIELDS[name]:
        raise JudgementError(f"{name}: longer than {FIELDS[name]:,} characters; shorten it")
    if _UNSHOWN.search(text):
        raise JudgementError(f"{name}: holds characters that are no text; leave them out")
    return text


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:60]}…"
