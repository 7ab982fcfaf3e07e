"""What the page is told: the corpus, a page of rows, the points of a plane."""

import base64
from typing import Any, Final

import numpy as np
import polars as pl

from tshirt_assets.explore.choices import Choice, outcome
from tshirt_assets.explore.explored import Explored
from tshirt_assets.explore.query import Query
from tshirt_assets.explore.snapshot import NUMBERS
from tshirt_assets.explore.taking import rows_at
from tshirt_assets.explore.view import View
from tshirt_assets.incremental.boilerplate import own_part
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.selection.scores import SCORES

PLANES: Final = {"robust": ("s_ifd_mean", "s_ifd_std"), "map": ("map_x", "map_y")}
POINTS: Final = 20_000  # of a plane that are drawn
PREVIEW: Final = 240  # characters
TEXTS: Final = ("instruction", "input", "response")
FACETS: Final = ("status", "domain", "shard")
MOST_VALUES: Final = 500  # of a facet
LABELS: Final = {
    "s_ifd": ("clean S-IFD", "IFD over informative tokens, without noise."),
    "n_prompt_tokens": ("prompt tokens", "Tokens before the response."),
    "cond_nll": ("loss", "Mean response loss given the prompt, nats per token."),
    "similarity": ("neighbour", "Cosine between the row and its nearest other row."),
}


def corpus_page(explored: Explored, view: View) -> dict[str, Any]:
    """The corpus as a whole: its columns, the values one can choose among, the recipes."""
    frame = view.frame
    return {
        "corpus": explored.config.name,
        "version": view.version,
        "working": explored.working,
        "rows": frame.height,
        "scored": bool(view.snapshot.deltas),
        "searchable": explored.searchable,
        "columns": [_column(frame, name) for name in NUMBERS],
        "facets": {name: _values(frame, name) for name in (*FACETS, "verdict", "label")},
        "recipes": [_recipe(explored, view, name) for name in explored.config.recipes],
        "planes": {name: _plane(view, name) for name in PLANES},
    }


def rows_page(explored: Explored, view: View, query: Query) -> dict[str, Any]:
    """The rows of a query, with the beginnings of their texts; `filtered` counts all pages."""
    places, about = explored.places(view, query)
    page = places[query.start : query.start + query.length]
    similar = about.pop("similar", {})
    rows = _with_texts(explored, view, page)
    for row in rows:
        row["similar"] = similar.get(row["at"])
    return {
        "version": view.version,
        "working": explored.working,
        "total": view.frame.height,
        "filtered": len(places),
        "rows": rows,
        **about,
    }


def points_page(view: View, name: str) -> dict[str, Any]:
    """The points of a plane: places and coordinates of all its rows, or of a sample of them."""
    at, total = _points(view, name)
    x, y = PLANES[name]
    found = view.frame.select(x, y)[at] if len(at) else pl.DataFrame({x: [], y: []})
    return {
        "version": view.version,
        "at": at.tolist(),
        "x": found[x].to_list(),
        "y": found[y].to_list(),
        "total": total,
    }


def marks_page(explored: Explored, view: View, name: str, query: Query) -> dict[str, Any]:
    """Which of the points of a plane are in a filter: a bit each, in base64."""
    at, _ = _points(view, name)
    places, _about = explored.places(view, query)
    inside = np.zeros(view.frame.height, bool)
    inside[places] = True
    bits = np.packbits(inside[at], bitorder="little").tobytes()
    return {"version": view.version, "bits": base64.b64encode(bits).decode()}


def _points(view: View, name: str) -> tuple[np.ndarray, int]:
    """The places of the points that are drawn, evenly spaced, and how many there are in all."""
    x, y = PLANES[name]
    if x not in view.frame.columns:
        return np.empty(0, np.uint32), 0
    there = pl.col(x).is_not_null() & pl.col(y).is_not_null()
    at = view.frame.select(pl.arg_where(there)).to_series().to_numpy()
    return at[:: max(1, -(-len(at) // POINTS))], len(at)


def _with_texts(explored: Explored, view: View, page: np.ndarray) -> list[dict[str, Any]]:
    if not len(page):
        return []
    order = np.argsort(page, kind="stable")
    lines = view.frame[page[order]].with_columns(at=pl.Series(page[order]))
    texts = [
        rows_at(
            explored.store,
            view.snapshot.shards[shard],
            (group["at"] - view.snapshot.starts[shard]).to_list(),
            list(TEXTS),
        )
        for (shard,), group in lines.group_by(pl.col("shard").cast(pl.String), maintain_order=True)
    ]
    read = pl.concat(texts).with_columns(pl.col(TEXTS).fill_null(""))
    own = [own_part(text, view.snapshot.shared_beginning) for text in read["instruction"]]
    cut = read.with_columns(instruction=pl.Series(own)).with_columns(
        pl.col(TEXTS).str.head(PREVIEW)
    )
    whole = lines.hstack(cut)
    back = np.empty(len(order), int)
    back[order] = np.arange(len(order))
    return whole[back].to_dicts()


def _column(frame: pl.DataFrame, name: str) -> dict[str, Any]:
    if name in SCORES:
        label, note = SCORES[name].label, SCORES[name].note
    else:
        label, note = LABELS[name]
    low, high, known = frame.select(
        low=pl.col(name).min(), high=pl.col(name).max(), known=pl.col(name).count()
    ).row(0)
    return {"name": name, "label": label, "note": note, "min": low, "max": high, "known": known}


def _values(frame: pl.DataFrame, name: str) -> list[tuple[str | None, int]]:
    counts = frame[name].value_counts(sort=True).head(MOST_VALUES)
    return [(value, count) for value, count in counts.iter_rows()]


def _recipe(explored: Explored, view: View, name: str) -> dict[str, Any]:
    recipe = explored.config.recipes[name]
    about = {"name": name, "meaning": METHODS[recipe.method].describe(recipe)}
    choice = view.choices.get(name)
    if not isinstance(choice, Choice):
        return about | {"ready": False, "fault": choice}
    taken = int(view.frame[outcome(name, "taken")].sum())
    return about | {"ready": True, "taken": taken, "budget": choice.budget, "notes": choice.notes}


def _plane(view: View, name: str) -> dict[str, Any]:
    if name == "robust":
        labels = [SCORES[column].label for column in PLANES[name]]
        note = "Mean against std of S-IFD under noise: high and steady, bottom right, is preferred."
        return {"labels": labels, "note": note, "ready": _points(view, name)[1] > 0}
    if view.map is None:
        return {"labels": [], "note": "", "ready": False}
    x, y = view.map.shares
    return {
        "ready": True,
        "labels": [f"1st component, {x:.0%} of variance", f"2nd component, {y:.0%}"],
        "note": f"PCA of the embeddings of instruction and input, fitted to {view.map.fitted:,} "
        f"rows. Of {view.map.width} dimensions two: rows close together need not be alike.",
    }
