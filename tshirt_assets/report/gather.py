"""From a selection and the stored scores to what the report shows of them."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache
from typing import Any

import polars as pl
import yaml

from tshirt_assets.config.credentials import OPTIONS_WITH_CREDENTIALS
from tshirt_assets.export.exported import ExportedFile
from tshirt_assets.incremental.corpus_scores import CorpusScores
from tshirt_assets.incremental.facts import Provenance
from tshirt_assets.report.data import ReportData, ReportRow
from tshirt_assets.report.listed import listed_rows, script_mix
from tshirt_assets.report.notable import notable_rows, report_row
from tshirt_assets.report.tokens import token_pieces
from tshirt_assets.selection.agreement import RecipeComparison
from tshirt_assets.selection.recipes import Selection


def report_data(
    selection: Selection,
    *,
    scores: CorpusScores,
    tokenizer: Any,
    comparison: RecipeComparison | None,
    exported: Sequence[ExportedFile],
    provenance: Provenance,
    links: Sequence[tuple[str, str]] = (),
) -> ReportData:
    """Everything the report of one selected subset shows."""
    config = scores.config
    groups = notable_rows(selection.ranking)
    shown = pl.concat([frame.select("sample_id", "shard", "row") for frame in groups.values()])
    rows = _report_rows(selection, shown, groups, scores, tokenizer)
    return ReportData(
        corpus=config.name,
        recipe=selection.recipe,
        method=config.recipes[selection.recipe].method,
        n_rows=scores.rows().height,
        ranking=selection.ranking,
        excluded=selection.excluded,
        best=rows["best"],
        borderline=rows["borderline"],
        worst=rows["worst"],
        tau=provenance.tau,
        keep_fraction=config.keep_fraction,
        cuts=selection.cuts,
        notes=[*_incomplete(scores), *selection.notes],
        comparison=comparison,
        files=[(file.path.name, file.rows, file.bytes) for file in exported],
        provenance=provenance.shown(),
        config=yaml.safe_dump(
            config.model_dump(mode="json", exclude_defaults=True, exclude=OPTIONS_WITH_CREDENTIALS),
            sort_keys=False,
        ),
        listed=listed_rows(selection, scores, scores.shared_beginning),
        shared_beginning=scores.shared_beginning,
        scripts=script_mix(selection, scores),
        links=links,
        created=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _incomplete(scores: CorpusScores) -> list[str]:
    """A note on every shard whose file breaks off."""
    dataset = scores.dataset("token_scores")
    return [
        f"The file of shard {shard} could not be read to its end ({reason}); "
        + ("what was read of it takes part." if shard in dataset.tables else "it is left out.")
        for shard, reason in dataset.incomplete.items()
    ]


def _report_rows(
    selection: Selection,
    shown: pl.DataFrame,
    groups: Mapping[str, pl.DataFrame],
    scores: CorpusScores,
    tokenizer: Any,
) -> dict[str, list[ReportRow]]:
    texts = scores.texts(shown).unique("sample_id", keep="first")
    samples = {row["sample_id"]: row for row in texts.iter_rows(named=True)}
    deltas = scores.token_deltas(shown)
    reasons = dict(selection.frame.select("sample_id", "reason").iter_rows())

    @cache
    def decoded(ids: tuple[int, ...]) -> str:
        return tokenizer.decode(list(ids), clean_up_tokenization_spaces=False)

    def decode(ids: list[int]) -> str:
        return decoded(tuple(ids))  # of two in turn, one is a token that has often been met

    def row(line: dict[str, Any]) -> ReportRow:
        sample = samples[line["sample_id"]]
        tokens = _coloured(
            sample["response"] or "", deltas.get(line["sample_id"]), tokenizer.encode, decode
        )
        return report_row(
            line,
            sample,
            tokens,
            usable=selection.usable,
            reason=reasons.get(line["sample_id"], ""),
        )

    return {
        group: [row(line) for line in frame.iter_rows(named=True)]
        for group, frame in groups.items()
    }


def _coloured(
    response: str,
    stored: Mapping[str, Any] | None,
    encode: Callable[..., list[int]],
    decode: Callable[[list[int]], str],
) -> list[tuple[str, float | None]]:
    if stored is None or stored["token_delta"] is None:
        return []
    ids = encode(response, add_special_tokens=False)[: stored["n_response_tokens"]]
    return token_pieces(ids, stored["token_delta"], stored["first_delta_index"], decode)
