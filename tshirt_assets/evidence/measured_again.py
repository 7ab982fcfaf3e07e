"""Whether stored scores are still those that the model gives: a few are measured again."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import polars as pl

from tshirt_assets.corpus.sample import Sample
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.incremental.stored_rows import tokenize_rows
from tshirt_assets.selection.lots import in_drawn_order

if TYPE_CHECKING:
    from tshirt_assets.models.causal_lm import LoadedCausalLM

CHECKED: Final = 3  # rows
TOLERANCE: Final = 1e-3  # of an IFD: batches and devices move it by less


def refuse_drift(
    stored: pl.DataFrame,
    samples: Mapping[str, Sample],
    model: "LoadedCausalLM",
    prompt_format: str,
) -> None:
    """Measure the IFD of a few rows again and compare it with the stored one.

    stored: sample_id, ifd and n_response_tokens of rows with both. The rows are drawn from the
    shorter half, by their ids. Raises `EvidenceError` where an IFD has moved: selections from
    scores of two models would be compared.
    """
    from tshirt_assets.scoring.clean import clean_scores

    shorter = stored.sort("n_response_tokens", "sample_id").head(max(CHECKED, stored.height // 2))
    ids = in_drawn_order(0, shorter["sample_id"])[:CHECKED]
    known = dict(stored.select("sample_id", "ifd").iter_rows())
    for score in clean_scores(model.engine, tokenize_rows(ids, samples, model, prompt_format)):
        before, now = known[score.sample_id], score.ifd
        if now is None or abs(now - before) > TOLERANCE * max(1.0, abs(before)):
            raise EvidenceError(
                f"the stored IFD of sample {score.sample_id} is {before:.5f}, but measured again "
                f"it is {now if now is None else round(now, 5)}: the scorer or its libraries have "
                "changed and its files look the same. Score the corpus into a new `store`, then "
                "make the evidence again"
            )
