"""What a materialization says comes in a person's order, and nothing of it is empty."""

import dagster as dg

from tshirt_assets.incremental.catalog import ASSETS
from tshirt_assets.incremental.judgements import JUDGEMENTS
from tshirt_assets.orchestration.metadata_order import counts_table, facts_table, in_order, plain
from tshirt_assets.orchestration.next_steps import NEXT


def test_what_matters_comes_first_and_where_it_came_from_last() -> None:
    given = {
        "identity": "x",
        "seconds": 1.0,
        "ifd_plot": dg.MetadataValue.md("![]()"),
        "rows_by_status": counts_table({"ok": 3}, "status"),
        "summary": "s",
        "tau_nats": 0.4,
    }
    assert list(in_order(given)) == [
        *("summary", "rows_by_status", "ifd_plot", "tau_nats", "seconds", "identity"),
    ]


def test_what_is_empty_is_left_out_but_zero_and_false_are_said() -> None:
    empty = {
        "a": "",
        "b": None,
        "c": dg.MetadataValue.json([]),
        "d": dg.MetadataValue.md(""),
        "e": facts_table({}, "shard", "why"),
    }
    assert in_order(empty | {"computed": 0, "indexed": False}) == {"indexed": False, "computed": 0}


def test_a_table_gives_its_facts_back() -> None:
    assert plain(counts_table({"ok": 3, "bad": 1}, "status")) == {"ok": 3, "bad": 1}
    assert plain(facts_table({"z": 1.5}, "partition", "found")) == {"z": "1.5"}
    assert plain(dg.MetadataValue.json({"of": "an earlier version"})) == {
        "of": "an earlier version"
    }


def test_next_steps_are_those_of_assets() -> None:
    assert set(NEXT) == {*ASSETS, JUDGEMENTS}
