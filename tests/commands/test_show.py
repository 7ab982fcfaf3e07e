"""The summary of a corpus fits a terminal, whatever the names and texts."""

import shlex
from dataclasses import replace

from rich.cells import cell_len

from tshirt_assets.commands.show import summary_lines
from tshirt_assets.commands.state import CorpusState, SelectedRow, Selection
from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.prompts import ALPACA_WITHOUT_INPUT

CONFIG = CorpusConfig(name="c", paths=("rows/*.jsonl",))
EMPTY = CorpusState(
    corpus="c",
    rows=1_234_567,
    statuses={"ok": 1_234_567},
    shards=3,
    new_shards=0,
    listing_fault=None,
    incomplete={},
    outdated=(),
    judgements=None,
    tau=0.5,
    keep_fraction=0.75,
    selections={},
    overlap={},
    shared_beginning="",
    store="s3://bucket/store",
    exports="s3://bucket/exports",
    reports=(),
    recipes_compared=None,
    dagster_home="/home/me/dagster",
)


def lines(state: CorpusState, source: str = "corpus.yaml") -> list[str]:
    return list(summary_lines(state, CONFIG, source))


def one(instruction: str, response: str = "Yes.", *, two_stages: bool = False) -> Selection:
    std = 0.25 if two_stages else None
    return Selection(
        1, "MIWV", two_stages, (SelectedRow(1, 0.5, std, "id", instruction, response),)
    )


def test_no_line_is_longer_than_80_columns() -> None:
    names = [f"a-recipe-whose-name-says-all-that-it-is-for-{number}" for number in range(30)]
    shown = replace(one("天空為什麼是藍色" * 20, "b" * 99, two_stages=True), by="a phrase " * 12)
    busy = replace(
        EMPTY,
        incomplete={"a-shard-with-a-name": "it breaks off " * 9},
        outdated=("scores of another model " * 9,),
        selections=dict.fromkeys(names, shown),
        overlap={name: dict.fromkeys(names, 1.0) for name in names},
    )
    said = lines(busy)
    assert max(map(cell_len, said)) <= 80
    assert cell_len(next(line for line in said if line.startswith("  top"))) in (79, 80)
    assert sum(line.startswith(f"{names[-1]}: 1 rows, by a phrase") for line in said) == 1


def test_prompts_in_a_template_show_their_own_part() -> None:
    asked = ALPACA_WITHOUT_INPUT.format(instruction="Name two rivers.")
    shared = "You are a most patient teacher of children. Q: "
    state = replace(EMPTY, selections={"a": one(asked), "b": one(shared + "Why is snow white?")})
    said = "\n".join(lines(replace(state, shared_beginning=shared)))
    assert "  top       0.500  Name two rivers. -> Yes." in said
    assert "  top       0.500  Why is snow white? -> Yes." in said


def test_what_is_pasted_is_quoted_where_it_must_be() -> None:
    spaced = replace(EMPTY, dagster_home="/home/me/my work/dagster")
    said = "\n".join(lines(spaced, "my rows/corpus.yaml"))
    command = shlex.split(said[said.index("UI ") :].replace("\\\n", ""))
    assert command[1:] == [
        "DAGSTER_HOME=/home/me/my work/dagster",
        "TSHIRT_ASSETS_CORPUS=my rows/corpus.yaml",
        *("dagster", "dev", "-m", "tshirt_assets.definitions"),
    ]
    unread = replace(EMPTY, shards=0, new_shards=3)
    said = "\n".join(lines(unread, "my rows/corpus.yaml"))
    assert "tshirt-assets run 'my rows/corpus.yaml'" in said
