"""The last plan of a corpus, kept as a table of its store: a line for each asset."""

from contextlib import suppress
from dataclasses import asdict
from typing import Final

import pyarrow as pa

from tshirt_assets.incremental.columns import PLAN as COLUMNS
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.incremental.planning.planned import Plan
from tshirt_assets.incremental.writing import write_table
from tshirt_assets.store.faults import StoreError
from tshirt_assets.store.store import Store

PLAN: Final = "plan"


def keep_plan(store: Store, plan: Plan) -> None:
    """Put a plan in the place of the last one."""
    table = pa.Table.from_pylist([asdict(asset) for asset in plan.assets], COLUMNS)
    write_table(store, plan.corpus, PLAN, None, table, facts=TableFacts(plan=plan.values()))


def last_plan(store: Store, corpus: str) -> Plan | None:
    """The plan that was made last; None where there is none that can be read."""
    with suppress(StoreError, UpstreamError, ValueError, KeyError, TypeError):
        info = store.info(corpus, PLAN)
        values = TableFacts.of(info).plan if info is not None else None
        return Plan.of_values(values) if values else None
    return None
