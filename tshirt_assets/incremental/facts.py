"""What is recorded with a table beside its rows, and what a subset was made from.

The one place that turns these facts into the metadata of a stored table and back: every value is
JSON under its own key, except for `PLAIN`, which is text.
"""

import json
from collections.abc import Sequence
from typing import Any, Self

from pydantic import BaseModel, ConfigDict, Field

from tshirt_assets.incremental.catalog import owner
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.store.table_info import TableInfo

PLAIN = ("fingerprint", "made_from")


class Facts(BaseModel):
    """Base of recorded facts: they do not change, and what a newer version adds is passed over."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RecordedTable(Facts):
    """A table that a subset was made from: its version in the store and that of its rows."""

    version: int
    data_version: str


class Provenance(Facts):
    """Everything needed to make a subset again; the stored table and the manifest hold the same.

    options: the recipe's own. tau: the threshold, where contenders (or the reference procedure)
    gave one. identities: score identity by asset. stability: what is meant by it, and the expected
    share of the selection that would stay. judgements: version of the verdicts that it honours,
    where there are any.
    """

    corpus: str
    recipe: str
    options: dict[str, Any]
    scorer: dict[str, Any]
    target: dict[str, Any]
    embedder: str
    prompt_format: str
    keep_fraction: float
    robustness: dict[str, Any]
    seed: int
    identities: dict[str, str]
    versions: dict[str, str]
    tau: float | None = None
    data_version: str | None = None
    stability: dict[str, float] | None = None
    judgements: str | None = None

    def shown(self) -> dict[str, Any]:
        """The facts that are known, by name, for files and for people."""
        return self.model_dump(mode="json", exclude_none=True)


class TableFacts(Facts):
    """What a writer may record with a table; each asset fills in what it knows.

    source: of `samples`: the file of the shard (see `sources`). incomplete: why it could not be
    read to its end. tau, keep_fraction: of `contenders`, `calibration` and `robust_scores`.
    quantile: that of the rows, which tau is within `tau_tolerance` of. calibration: numbers of the
    pilot. estimators: those that `robust_scores` holds. provenance, inputs (by asset and shard): of
    a selected subset. made_from: hash of what the rows of `samples` or `robust_scores`, or a subset
    with its files and report, were made from. embedder, fingerprint: what `search` was embedded
    with. plan: of `plan`, the last one.
    """

    source: str | None = None
    incomplete: str | None = None
    tau: float | None = None
    quantile: float | None = None
    keep_fraction: float | None = None
    calibration: dict[str, float] | None = None
    estimators: Sequence[str] | None = None
    provenance: Provenance | None = None
    inputs: dict[str, dict[str, RecordedTable]] = Field(default_factory=dict)
    made_from: str | None = None
    embedder: dict[str, Any] | None = None
    fingerprint: str | None = None
    plan: dict[str, Any] | None = None

    def to_meta(self) -> dict[str, str]:
        """The facts that were given, as metadata of a table."""
        given = self.model_dump(mode="json", exclude_unset=True, exclude_none=True)
        return {key: v if key in PLAIN else json.dumps(v) for key, v in given.items()}

    @classmethod
    def of(cls, info: TableInfo) -> Self:
        """The facts recorded with a table. Raises `UpstreamError` where they cannot be read."""
        try:
            found = {
                key: text if key in PLAIN else json.loads(text)
                for key, text in info.meta.items()
                if key in cls.model_fields
            }
            return cls.model_validate(found)
        except ValueError as error:  # pydantic's and JSON's errors are ValueErrors
            reason = str(error).splitlines()[0]
            place = " ".join(filter(None, (owner(info.asset), info.shard)))
            raise UpstreamError(
                f"what was recorded with {place} cannot be read ({reason}); materialize it again"
            ) from None
