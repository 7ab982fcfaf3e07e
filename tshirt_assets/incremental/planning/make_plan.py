"""The plan of a corpus: the work of every asset that it needs, and what that takes here."""

import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import cached_property

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.incremental.catalog import ASSETS, needed_assets
from tshirt_assets.incremental.planning.demo_work import miwv_work
from tshirt_assets.incremental.planning.disk_bytes import disk_bytes
from tshirt_assets.incremental.planning.embedding_work import embedding_work, relevance_work
from tshirt_assets.incremental.planning.host_costs import START_SECONDS, host_seconds, yardstick
from tshirt_assets.incremental.planning.materialized_rows import materialized_rows
from tshirt_assets.incremental.planning.model_speeds import ModelSpeeds
from tshirt_assets.incremental.planning.planned import Plan, PlannedAsset
from tshirt_assets.incremental.planning.present_rows import PresentRows, present_rows
from tshirt_assets.incremental.planning.row_tokens import row_tokens
from tshirt_assets.incremental.planning.stored_ids import StoredIds
from tshirt_assets.incremental.planning.work import ScorerWork, Work
from tshirt_assets.models.causal_lm import causal_lm_size, load_causal_lm
from tshirt_assets.models.embedder import load_embedder
from tshirt_assets.store.store import Store

Clock = Callable[[], float]


def make_plan(store: Store, config: CorpusConfig, clock: Clock = time.perf_counter) -> Plan:
    """What a run of a corpus would compute now, and how long that takes on this device.

    Models are loaded only to be timed, and not where nothing is missing or their speed is known.
    clock: seconds, such as of CPU time. Raises `CorpusError` where no row can be used, `ModelError`
    for a model that cannot.
    """
    present = _present(store, config)
    if not present.usable:
        raise CorpusError(f"nothing in {config.name} has a row that can be used")
    outlook = _Outlook(store, config, present)
    work = {record.name: outlook.work(record.name) for record in needed_assets(config)}
    speeds = ModelSpeeds(config, present, clock)
    model_seconds = speeds.seconds(work)
    scale = yardstick(clock)
    assets = []
    for name, one in work.items():
        host = host_seconds(name, config, len(present.shards), one.rows, one.reused)
        assets.append(
            PlannedAsset(
                name,
                rows=round(one.rows),
                reused=round(one.reused),
                tokens=round(one.tokens),
                flops=sum(one.flops.values()),
                seconds=round(model_seconds.get(name, 0.0) + scale * host, 3),
                bytes=outlook.bytes(name, one),
            )
        )
    return Plan(
        corpus=config.name,
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        device=speeds.device,
        rows=present.usable,
        shards=len(present.shards) + len(present.unreadable),
        exact=outlook.exact,
        start_seconds=round(scale * START_SECONDS, 3),
        assets=tuple(assets),
        skipped=tuple(
            name for name, one in ASSETS.items() if one.used_by and not one.needed(config)
        ),
        unreadable=present.unreadable,
        basis=(outlook.basis, *speeds.basis, *outlook.assumptions),
    )


def _present(store: Store, config: CorpusConfig) -> PresentRows:
    if config.source_asset is not None:
        return materialized_rows(store, config)
    known = {str(info.shard) for info in store.stored(config.name, "samples") if info.shard}
    return present_rows(config, known)


class _Outlook:
    """The work of each asset of a corpus whose rows are read."""

    def __init__(self, store: Store, config: CorpusConfig, present: PresentRows):
        self._config, self._present = config, present
        self._stored = StoredIds(store, config.name)
        self._scorer = load_causal_lm(config.scorer)
        self._scorer.require_noise(config.recipes)
        self._tokens = row_tokens(present, config, self._scorer)
        size = causal_lm_size(config.scorer)
        self._scored = ScorerWork(config, self._stored, self._scorer, size, self._tokens.frame)

    @property
    def exact(self) -> bool:
        """Whether every row was read and its tokens counted."""
        return self._present.complete and self._tokens.counted == self._tokens.frame.height

    @property
    def basis(self) -> str:
        """What the counts are made from."""
        if self.exact:
            return f"rows and tokens: counted, all {self._present.records:,} rows"
        read = sum(shard.read for shard in self._present.shards)
        return (
            f"rows: {read:,} of {self._present.records:,} were read; tokens: of "
            f"{self._tokens.counted:,} of them; the rest is estimated"
        )

    @property
    def assumptions(self) -> list[str]:
        """What is not known before the scores are there."""
        found = []
        rows = self._scored
        if ASSETS["robust_scores"].needed(self._config) and rows.unscored.height:
            found.append("contenders: which rows they are is estimated from their lengths")
        if "miwv_scores" in self._works and self._works["miwv_scores"].rows:
            found.append("MIWV: the lengths of the demos are those of the rows of the corpus")
        return found

    @cached_property
    def _works(self) -> dict[str, Work]:
        return {record.name: self._work(record.name) for record in needed_assets(self._config)}

    def work(self, asset: str) -> Work:
        """What an asset has to do."""
        return self._works[asset]

    def _work(self, asset: str) -> Work:
        match asset:
            case "samples":
                return Work(rows=self._present.records)
            case "token_scores":
                return self._scored.token_scores()
            case "calibration":
                return self._scored.calibration()
            case "robust_scores":
                return self._scored.robust_scores()
            case "embeddings":
                return self._embeddings
            case "relevance":
                embedder = load_embedder(self._config.embedder)
                return relevance_work(self._present, self._stored, embedder)
            case "neighbours":
                return Work(self._embeddings.rows, self._embeddings.reused)
            case "miwv_scores":
                return self._miwv()
            case "search":
                return self._remade(self._embeddings)
            case "contenders":
                return self._remade(self._scored.token_scores())
            case "selected_subset":
                return self._selections()
        return Work(rows=self._present.usable)

    def _remade(self, made_from: Work) -> Work:
        """A table over the whole corpus, which is made again when a row of it is new."""
        total = made_from.rows + made_from.reused
        return Work(rows=total) if made_from.rows else Work(reused=total)

    def _selections(self) -> Work:
        usable = self._scored.selectable["sample_id"].n_unique()
        usable = round(usable * self._present.records / max(1, self._read))
        return Work(rows=sum(recipe.rows(usable) for recipe in self._config.recipes.values()))

    @property
    def _read(self) -> int:
        return sum(shard.read for shard in self._present.shards)

    @cached_property
    def _embeddings(self) -> Work:
        return embedding_work(self._present, self._stored, load_embedder(self._config.embedder))

    def _miwv(self) -> Work:
        options = self._config.target_model
        target = load_causal_lm(options)
        same = options == self._config.scorer
        tokens = self._tokens if same else row_tokens(self._present, self._config, target)
        size = causal_lm_size(options)
        return miwv_work(self._config, self._stored, target, size, tokens.frame)

    def bytes(self, asset: str, work: Work) -> int:
        """What the tables of an asset take more of the disk."""
        vectors = ASSETS["embeddings"].needed(self._config)
        width = load_embedder(self._config.embedder).width if vectors else 0
        response = float(self._scored.rows["response"].mean() or 0.0)  # type: ignore[arg-type]
        return disk_bytes(asset, self._config, self._present, work, response, width)
