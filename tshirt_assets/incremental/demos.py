"""The demos of a shard's rows (their nearest neighbours), and the losses behind them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property, partial
from typing import TYPE_CHECKING, Any

import polars as pl
import pyarrow as pa

from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.incremental.columns import MIWV_SCORES, computed_schema
from tshirt_assets.incremental.demo_shelf import DemoShelf
from tshirt_assets.incremental.overlap import Computation
from tshirt_assets.incremental.stored_rows import parsed, read_samples_by_id
from tshirt_assets.store.frames import to_frame
from tshirt_assets.store.store import Store
from tshirt_assets.store.table_info import TableInfo

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM
    from tshirt_assets.scoring.tokenize import OneShotSample

DEMO = ["sample_id", "neighbour_id", "similarity"]


@dataclass(frozen=True)
class ShardDemos:
    """Which demo each row of a shard has.

    samples: the shard's usable samples by id. own: their lines of the table `neighbours`. known:
    zero-shot losses by sample id, as far as another pass has found them. shelf: the demos that
    other shards hold.
    """

    store: Store
    corpus: str
    shard: str
    samples: Mapping[str, Sample]
    own: pl.DataFrame
    known: dict[str, float]
    shelf: DemoShelf
    demo_of: dict[str, str | None] = field(init=False)

    def __post_init__(self) -> None:
        pairs = dict(self.own.select("sample_id", "neighbour_id").iter_rows())
        object.__setattr__(self, "demo_of", pairs)

    def read(self, ids: Sequence[str]) -> dict[str, Sample]:
        """The demos of these rows by their own sample ids, from whatever shards hold them.

        Those that are not on the shelf are looked for: of rows that count as scored but are not.
        """
        own = self.own.filter(pl.col("sample_id").is_in(list(ids))).drop_nulls("neighbour_id")
        wanted = own["neighbour_id"].unique().to_list()
        samples = parsed(self.samples, [*wanted, *ids])
        demos = {i: found for i in wanted if (found := samples.get(i) or self.elsewhere.get(i))}
        if len(demos) < len(wanted):
            absent = own.filter(~pl.col("neighbour_id").is_in(list(demos))).unique("neighbour_id")
            places = absent.select(sample_id="neighbour_id", shard="neighbour_shard")
            demos |= read_samples_by_id(self.store, self.corpus, places)
        return demos

    @cached_property
    def elsewhere(self) -> dict[str, Sample]:
        """The demos that other shards hold, by their sample ids."""
        return self.shelf.read(self.shard)


def behind_demos(
    demos: ShardDemos, target: "LoadedCausalLM", prompt_format: str
) -> Computation[dict[str, "OneShotSample | None"]]:
    """The computation of `miwv_scores`; a row whose demo cannot be read has no pair."""
    from tshirt_assets.scoring.tokenize import tokenize_one_shots

    def prepare(ids: Sequence[str]) -> dict[str, "OneShotSample | None"]:
        found = demos.read(ids)
        paired = {i: found[demo] for i in ids if (demo := demos.demo_of.get(i)) in found}
        pairs = tokenize_one_shots(
            [(demo, demos.samples[sample_id]) for sample_id, demo in paired.items()],
            target.tokenizer,
            prompt_format,
            target.max_length,
        )
        return dict.fromkeys(ids) | dict(zip(paired, pairs, strict=True))

    return Computation(prepare, partial(one_shot, demos=demos, target=target))


def one_shot(
    behind: Mapping[str, "OneShotSample | None"], *, demos: ShardDemos, target: "LoadedCausalLM"
) -> tuple[pa.Table, int]:
    """The computed columns of `miwv_scores` for pairs by sample id, and the tokens it took."""
    from tshirt_assets.scoring.miwv import miwv_scores

    pairs = {sample_id: pair for sample_id, pair in behind.items() if pair is not None}
    known = [demos.known.get(sample_id) for sample_id in pairs]
    records: list[dict[str, Any]] = [
        {
            "sample_id": score.sample_id,
            "status": str(score.status),
            "status_detail": score.status_detail,
            "one_shot_nll": score.one_shot_nll,
            "zero_shot_nll": score.zero_shot_nll,
            "miwv": score.miwv,
            "demo_truncated": score.demo_truncated,
        }
        for score in miwv_scores(target.engine, list(pairs.values()), known)
    ]
    records += [
        {
            "sample_id": sample_id,
            "status": str(Status.NO_NEIGHBOUR),
            "status_detail": "no other row of the corpus can serve as its demo",
        }
        for sample_id, pair in behind.items()
        if pair is None
    ]
    table = to_frame(pa.Table.from_pylist(records, computed_schema(MIWV_SCORES)))
    table = table.drop(DEMO[1:]).join(
        demos.own.select(DEMO), on="sample_id", how="left", maintain_order="left"
    )
    tokens = sum(len(p.prompt_ids) + len(p.zero_shot.response_ids) for p in pairs.values())
    return table.to_arrow(), tokens


def still_same_demo(stored: pl.DataFrame, own: pl.DataFrame) -> pl.DataFrame:
    """Stored rows whose nearest neighbour is still the same one, its cosine updated.

    A neighbour that was not there, as its file was being replaced, may be back.
    """
    lost = pl.col("status").eq(Status.NO_NEIGHBOUR) & pl.col("neighbour_id").is_not_null()
    return (
        stored.filter(~lost)
        .drop("similarity")
        .join(own.select(DEMO), on=DEMO[:2], nulls_equal=True, maintain_order="left")
    )


def zero_shot_losses(store: Store, scored: TableInfo | None, identity: str) -> dict[str, float]:
    """Zero-shot losses that the clean pass of the same model already found, by sample id."""
    if scored is None or scored.identity != identity:
        return {}
    table = store.read(
        scored.corpus,
        scored.asset,
        scored.shard,
        columns=["sample_id", "cond_nll"],
        where="status = 'ok'",
        version=scored.version,
    )
    return dict(zip(table["sample_id"].to_pylist(), table["cond_nll"].to_pylist(), strict=True))
