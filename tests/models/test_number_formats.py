"""Scores of CUDA's own formats carry the version of the kernels; float32 is the same everywhere."""

import pytest

from tests.incremental.test_identity import config, model
from tshirt_assets.incremental.identity import loss_identity
from tshirt_assets.models import number_formats
from tshirt_assets.models.number_formats import POSSIBLE, WANTED, format_identity
from tshirt_assets.scoring.kernel.precision import _NAMES


def test_float32_is_called_what_it_was_always_called() -> None:
    assert format_identity("fp32") == "fp32"
    assert model().identity["precision"] == "fp32"


@pytest.mark.parametrize("precision", ["fp32", "tf32", "fp16", "bf16"])
def test_other_kernels_give_other_scores_on_cuda_only(
    precision: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = loss_identity("token_scores", config(), model(precision=precision))
    monkeypatch.setattr(number_formats, "CUDA_VERSION", number_formats.CUDA_VERSION + 1)
    after = loss_identity("token_scores", config(), model(precision=precision))
    assert (before == after) == (precision == "fp32")


def test_every_format_of_the_engine_can_be_asked_for_or_met() -> None:
    assert WANTED.keys() == POSSIBLE.keys()
    assert {name for names in POSSIBLE.values() for name in names} == set(_NAMES)
