"""A plan: what each asset of a corpus would compute, in what time, before any of it is done."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Final, Self

from tshirt_assets.incremental.catalog import ASSETS

FORMAT: Final = 1
"""Of the values of a plan; raised when a reader of an earlier one would misread it."""


@dataclass(frozen=True, slots=True)
class PlannedAsset:
    """What one asset would compute.

    rows: to compute; reused: rows that are stored already. tokens: through its model, as the run
    counts them; flops: floating-point operations of the model. seconds: of the model and of all
    else. bytes: that its tables will take more.
    """

    asset: str
    rows: int = 0
    reused: int = 0
    tokens: int = 0
    flops: float = 0.0
    seconds: float = 0.0
    bytes: int = 0


@dataclass(frozen=True, slots=True)
class Plan:
    """What a run of a corpus would do now.

    created: UTC, as ISO 8601. device: what the models would run on. rows: that can be used, of
    all shards; exact: whether all of them were read and their tokens counted. start_seconds: what
    a run takes before its first asset. assets: in the order in which they are made. skipped: the
    assets that nothing asks for. unreadable: the fault of each shard that cannot be read. basis:
    what the figures are made from, one line each.
    """

    corpus: str
    created: str
    device: str
    rows: int
    shards: int
    exact: bool
    start_seconds: float
    assets: tuple[PlannedAsset, ...]
    skipped: tuple[str, ...] = ()
    unreadable: Mapping[str, str] = field(default_factory=dict)
    basis: tuple[str, ...] = ()

    @property
    def total(self) -> PlannedAsset:
        """The sums over all assets, and the start of a run."""
        names = ("rows", "reused", "tokens", "flops", "seconds", "bytes")
        sums = {name: sum(getattr(asset, name) for asset in self.assets) for name in names}
        sums["seconds"] += self.start_seconds
        return PlannedAsset("total", **sums)

    @property
    def missing(self) -> bool:
        """Whether an asset that is made with a model has rows to compute."""
        return any(asset.rows for asset in self.assets if ASSETS[asset.asset].on_gpu)

    def for_asset(self, asset: str) -> PlannedAsset:
        """What is planned of one asset; nothing of one that is not needed."""
        return next((one for one in self.assets if one.asset == asset), PlannedAsset(asset))

    def values(self) -> dict[str, Any]:
        """The plan as plain values, with its totals: what its JSON holds."""
        return {"format": FORMAT, **asdict(self), "total": asdict(self.total)}

    @classmethod
    def of_values(cls, values: Mapping[str, Any]) -> Self:
        """The plan that `values` gave. Raises `ValueError` for another format."""
        if values.get("format") != FORMAT:
            raise ValueError(f"a plan of format {values.get('format')}, not {FORMAT}")
        known = {own.name: values[own.name] for own in fields(cls)}
        known["assets"] = tuple(PlannedAsset(**asset) for asset in values["assets"])
        return cls(**known | {name: tuple(values[name]) for name in ("skipped", "basis")})
