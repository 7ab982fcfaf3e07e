"""Selected rows that the export tests share."""

from typing import Any

import polars as pl

from tshirt_assets.corpus.sample import Message, Sample, content_id, to_table
from tshirt_assets.corpus.status import Status
from tshirt_assets.export.subset import join_selected
from tshirt_assets.incremental.facts import Provenance


def sample(row: int, *turns: tuple[str, str], input_text: str = "", **fields: Any) -> Sample:
    messages = tuple(Message(role, content) for role, content in turns)
    return Sample(
        sample_id=content_id(messages, input_text),
        shard="a",
        row=row,
        status=Status.OK,
        status_detail=None,
        messages=messages,
        instruction=messages[0].content,
        input=input_text,
        response=messages[-1].content,
        **fields,
    )


SINGLE = sample(0, ("user", "Say hi | now"), ("assistant", "hi \u202etxt\u2028 \x00 \U0001f600"))
WITH_INPUT = sample(
    1, ("user", "Translate\nHallo\nWelt"), ("assistant", "Hello"), input_text="Hallo\nWelt"
)
MULTI = sample(
    2,
    ("system", "Be brief."),
    ("user", "One?"),
    ("assistant", "1"),
    ("user", "Two?"),
    ("assistant", "2"),
    domain="math",
)
TOOL = sample(
    3,
    ("system", 'Available tools:\n[{"name": "search_recipes"}]'),
    ("user", "A recipe?"),
    ("assistant", '{"name": "search_recipes", "arguments": {}}'),
    ("tool", '["soup"]'),
    ("assistant", "Soup."),
    extra='{"id": 7}',
)
SAMPLES = [SINGLE, WITH_INPUT, MULTI, TOOL]


def selection_table(samples: list[Sample]) -> pl.DataFrame:
    """A selected_subset table whose best row is the last sample."""
    return pl.DataFrame(
        {
            "sample_id": [s.sample_id for s in samples],
            "shard": [s.shard for s in samples],
            "row": [s.row for s in samples],
            "status": ["ok"] * len(samples),
            "identity": ["abc"] * len(samples),
            "recipe": ["tshirt-5pct"] * len(samples),
            "rank": list(range(len(samples), 0, -1)),
            "score": [0.5 + 0.1 * i for i in range(len(samples))],
        }
    )


def selected(samples: list[Sample] = SAMPLES) -> pl.DataFrame:
    """What the exports write: the table joined with its samples."""
    return join_selected(pl.DataFrame(to_table(samples)), selection_table(samples))


PROVENANCE = Provenance(
    corpus="demo",
    recipe="best",
    options={"method": "ifd", "budget": 3},
    scorer={"path": "gpt2"},
    target={"path": "gpt2", "revision": None},
    embedder="e",
    prompt_format="plain",
    keep_fraction=0.75,
    robustness={"alpha": 5.0},
    seed=42,
    identities={"token_scores": "abc"},
    versions={"python": "3.11"},
    tau=0.02,
)
