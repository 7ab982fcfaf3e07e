"""The last plan of a corpus as the UI shows it, with what has been computed since."""

from typing import Any

import dagster as dg

from tshirt_assets.export.escaping import markdown_lines
from tshirt_assets.incremental.catalog import TOKEN_SCORES
from tshirt_assets.incremental.planning.kept_plan import last_plan
from tshirt_assets.incremental.planning.planned import Plan, PlannedAsset
from tshirt_assets.incremental.score_table import ScoredShard
from tshirt_assets.store.store import Store

HEAD = ("asset", "rows", "stored", "tokens", "seconds", "in this run so far")


class PlannedScores:
    """Shows the plan on `token_scores`, beside the work of a run, shard by shard."""

    def __init__(self, store: Store, corpus: str):
        self._plan = last_plan(store, corpus)
        self._rows = self._tokens = 0
        self._seconds = 0.0

    def metadata(self, scored: ScoredShard) -> dict[str, Any]:
        """The plan and the work up to this shard, as metadata; nothing where no plan was made."""
        self._rows += scored.computed
        self._tokens += scored.tokens
        self._seconds += scored.seconds
        if self._plan is None:
            return {}
        return {"plan": dg.MetadataValue.md(self._markdown(self._plan))}

    def _markdown(self, plan: Plan) -> str:
        made = f"made {plan.created[:16].replace('T', ' ')} UTC, for {plan.device}"
        total = plan.total
        lines = [self._cells(asset) for asset in plan.assets]
        lines.append(["total", "", "", f"{total.tokens:,}", f"{total.seconds:,.0f}", ""])
        return f"{made}\n\n{markdown_lines(HEAD, lines)}"

    def _cells(self, asset: PlannedAsset) -> list[str]:
        numbers = [f"{n:,}" for n in (asset.rows, asset.reused, asset.tokens)]
        done = ""
        if asset.asset == TOKEN_SCORES.name:
            done = f"{self._rows:,} rows, {self._tokens:,} tokens, {self._seconds:,.0f} s"
        return [asset.asset, *numbers, f"{asset.seconds:,.0f}", done]
