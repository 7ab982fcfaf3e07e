"""One row in whole: turns, coloured response, neighbour, and what recipes make of it."""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import polars as pl

from tshirt_assets.corpus.sample import split_turn_fields, stored_messages
from tshirt_assets.corpus.status import EXPLANATIONS as STATUSES
from tshirt_assets.corpus.status import Status
from tshirt_assets.explore.choices import Choice, outcome
from tshirt_assets.explore.explored import Explored
from tshirt_assets.explore.snapshot import NUMBERS
from tshirt_assets.explore.taking import rows_at
from tshirt_assets.explore.view import View
from tshirt_assets.incremental.boilerplate import own_part
from tshirt_assets.incremental.facts import TableFacts
from tshirt_assets.models.model_files import ModelError
from tshirt_assets.report.cards import colour_class
from tshirt_assets.report.notable import counterfactual
from tshirt_assets.report.tokens import token_pieces
from tshirt_assets.selection.exclusions import EXPLANATIONS as EXCLUSIONS
from tshirt_assets.selection.exclusions import Exclusion
from tshirt_assets.selection.methods import METHODS
from tshirt_assets.store.frames import to_frame, with_ids

CHARACTERS: Final = 6_000  # of a text that is shown at once
TITLE: Final = 160  # characters
TOKENS: Final = 1_500  # of a response that are shown at once
REASONS: Final[Mapping[str, str]] = {
    **{status.value: said for status, said in STATUSES.items()},
    **{exclusion.value: said for exclusion, said in EXCLUSIONS.items()},
}


def opened_row(explored: Explored, view: View, at: int, *, whole: bool = False) -> dict[str, Any]:
    """All there is to show of the row at this place; texts are cut unless it is asked for `whole`.

    A text is {"text", "left"}: `left` counts the characters, or the tokens, that are cut off.
    """
    line = view.frame.row(at, named=True)
    sample = _sample(explored, view, at)
    deltas = _stored(explored, view, line, "token_scores", _DELTAS)
    tau = _tau(explored)
    return {
        **{name: line[name] for name in ("sample_id", "shard", "row", "status", "domain")},
        "at": at,
        "title": _title(sample, view.snapshot.shared_beginning),
        "explanation": REASONS.get(line["status"], "") if line["status"] != Status.OK else "",
        "detail": (deltas or {}).get("status_detail") or sample["status_detail"],
        "scores": {name: line[name] for name in NUMBERS if line[name] is not None},
        "tau": tau,
        "turns": _turns(sample, whole),
        "tokens": _coloured(explored, sample["response"] or "", deltas, tau or 0.0, whole),
        "extra": _cut(split_turn_fields(sample["extra"])[1] or "", whole),
        "recipes": [_decision(explored, view, name, line) for name in explored.config.recipes],
        "neighbour": _neighbour(explored, view, line, whole),
        "judgement": {name: line[name] for name in ("verdict", "label", "note")},
    }


_DELTAS: Final = ("token_delta", "first_delta_index", "n_response_tokens", "status_detail")


def _sample(explored: Explored, view: View, at: int) -> dict[str, Any]:
    shard = str(view.frame["shard"][at])
    info = view.snapshot.shards[shard]
    place = at - view.snapshot.starts[shard]
    columns = ["messages", "instruction", "input", "response", "extra", "status_detail"]
    return rows_at(explored.store, info, [place], columns).row(0, named=True)


def _stored(
    explored: Explored, view: View, line: Mapping[str, Any], asset: str, columns: tuple[str, ...]
) -> dict[str, Any] | None:
    """The line of a row in a table that may hold it at another place, or not at all."""
    store, corpus, shard = explored.store, explored.config.name, str(line["shard"])
    info = store.info(corpus, asset, shard)
    if info is None:
        return None
    where = f"row = {line['row']} AND {with_ids([line['sample_id']])}"
    found = to_frame(store.read(corpus, asset, shard, columns=columns, where=where))
    return found.row(0, named=True) if found.height else None


def _tau(explored: Explored) -> float | None:
    info = explored.store.info(explored.config.name, "contenders")
    return TableFacts.of(info).tau if info else None


def _turns(sample: Mapping[str, Any], whole: bool) -> list[dict[str, Any]]:
    """The conversation; of a row that could not be read, whatever texts there are."""
    fields, _ = split_turn_fields(sample["extra"])
    messages = stored_messages(sample["messages"] or (), fields)
    if not messages:
        texts = {"user": sample["instruction"], "input": sample["input"]}
        texts["assistant"] = sample["response"]
        return [{"role": role, **_cut(text, whole)} for role, text in texts.items() if text]
    turns = [
        {"role": message.role, **_cut(message.content or "", whole)}
        | ({"reasoning": _cut(message.reasoning, whole)} if message.reasoning else {})
        for message in messages
    ]
    alpaca = len(messages) == 2 and sample["input"]
    if alpaca and sample["input"] not in (messages[0].content or ""):
        turns.insert(1, {"role": "input", **_cut(sample["input"], whole)})
    return turns


def _title(sample: Mapping[str, Any], shared_beginning: str) -> str:
    """The beginning of what is asked first, on a line, without what most rows begin with."""
    asked = (turn["content"] for turn in sample["messages"] or () if turn["role"] == "user")
    text = next(asked, None) or sample["instruction"] or ""
    return " ".join(own_part(text, shared_beginning)[: 2 * TITLE].split())[:TITLE]


def _cut(text: str, whole: bool) -> dict[str, Any]:
    shown = text if whole else text[:CHARACTERS]
    return {"text": shown, "left": len(text) - len(shown)}


def _coloured(
    explored: Explored, response: str, stored: Mapping[str, Any] | None, tau: float, whole: bool
) -> dict[str, Any]:
    """The response as (text, delta, colour class) pieces; why it has none.

    rest: the text behind the last piece, which the model did not read.
    """
    none = {"pieces": [], "left": 0, "rest": _cut("", whole)}
    if stored is None or stored["token_delta"] is None:
        return none | {"why": "This response has no token scores."}
    try:
        tokenizer = explored.tokenizer
    except ModelError as error:
        return none | {"why": f"Without its tokenizer no colours: {error}"}

    @lru_cache(maxsize=10_000)
    def decoded(ids: tuple[int, ...]) -> str:
        return str(tokenizer.decode(list(ids), clean_up_tokenization_spaces=False))

    ids = tokenizer.encode(response, add_special_tokens=False)[: stored["n_response_tokens"]]
    shown = ids if whole else ids[:TOKENS]
    first = stored["first_delta_index"]
    pieces = token_pieces(
        shown, stored["token_delta"][: len(shown) - first], first, lambda ids: decoded(tuple(ids))
    )
    coloured = [(text, delta, colour_class(delta, tau)) for text, delta in pieces]
    left = len(ids) - len(shown)
    read = "".join(text for text, _ in pieces)
    rest = response[len(read) :] if not left and response.startswith(read) else ""
    return {"pieces": coloured, "left": left, "rest": _cut(rest, whole), "why": ""}


def _decision(explored: Explored, view: View, name: str, line: Mapping[str, Any]) -> dict[str, Any]:
    """What a recipe makes of the row: taken or left, why, and from which budget on it is taken."""
    recipe = explored.config.recipes[name]
    about = {"recipe": name, "meaning": METHODS[recipe.method].describe(recipe)}
    choice = view.choices.get(name)
    if not isinstance(choice, Choice):
        waits = "Being selected." if view.snapshot.deltas else "Nothing has been scored yet."
        return about | {"state": choice or waits}
    taken, why = line[outcome(name, "taken")], line[outcome(name, "why")]
    kept_at = line[outcome(name, "kept_at")]
    reason = REASONS.get(why or "", "")
    if taken:
        found = choice.reasons.filter(pl.col("sample_id") == line["sample_id"])
        reason = found["reason"][0] if found.height else ""
    left = why == Exclusion.OVER_BUDGET.value
    return about | {
        "state": "",
        "taken": taken,
        "rank": line[outcome(name, "rank")],
        "of": choice.usable,
        "budget": choice.budget,
        "why": why or "",
        "reason": reason,
        "counterfactual": None if taken else counterfactual(kept_at, choice.usable),
        "unknown": left and kept_at is None,
    }


def _neighbour(
    explored: Explored, view: View, line: Mapping[str, Any], whole: bool
) -> dict[str, Any] | None:
    """The row that stood in front of this one as a solved example, for MIWV."""
    found = _stored(explored, view, line, "miwv_scores", ("neighbour_id", "similarity"))
    if found is None or found["neighbour_id"] is None:
        return None
    about = {"sample_id": found["neighbour_id"], "similarity": found["similarity"]}
    at = view.place_of(found["neighbour_id"])
    if at is None:
        return about | {"turns": []}
    return about | {"at": at, "turns": _turns(_sample(explored, view, at), whole)}
