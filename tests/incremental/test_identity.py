"""Score identities: everything that changes a score changes them, and nothing else does."""

from dataclasses import replace

import pytest
from transformers.utils import chat_template_utils

from tests.corpus.test_chat_template import DATED, TURNS
from tests.tiny import CHAT_TEMPLATE, bpe_tokenizer
from tshirt_assets.config import CorpusConfig
from tshirt_assets.incremental import identity
from tshirt_assets.incremental.catalog import TOKEN_SCORES
from tshirt_assets.incremental.identity import combined_version, identity_hash, loss_identity
from tshirt_assets.models.causal_lm import LoadedCausalLM


class Engine:
    def __init__(self, precision: str):
        self.precision = precision


def model(
    fingerprint: str = "f",
    precision: str = "fp32",
    max_length: int = 100,
    path: str = "p",
    template: str | None = None,
) -> LoadedCausalLM:
    tokenizer = bpe_tokenizer(chat_template=template)
    return LoadedCausalLM(Engine(precision), tokenizer, path, None, fingerprint, max_length)  # type: ignore[arg-type]


def config(**options: object) -> CorpusConfig:
    return CorpusConfig.model_validate({"name": "c", "paths": ["x"], **options})


def test_what_changes_a_loss_changes_its_identity() -> None:
    identities = [
        loss_identity("token_scores", config(), model()),
        loss_identity("robust_scores", config(), model()),
        loss_identity("token_scores", config(prompt_format="alpaca"), model()),
        loss_identity("token_scores", config(), model(fingerprint="g")),
        loss_identity("token_scores", config(), model(precision="bf16")),
        loss_identity("token_scores", config(), model(max_length=200)),
        loss_identity("robust_scores", config(), model(), seed=1),
        loss_identity("robust_scores", config(), model(), seed=2),
        loss_identity("robust_scores", config(), model(), seed=2, alpha=5.0),
    ]
    assert len(set(identities)) == len(identities)
    assert all(len(found) == 16 for found in identities)


def test_what_changes_no_loss_does_not() -> None:
    first = loss_identity("token_scores", config(), model())
    again = config(seed=1, keep_fraction=0.5, recipes={"r": {"method": "ifd", "budget": 3}})
    assert loss_identity("token_scores", again, model(path="elsewhere")) == first


def test_prompts_that_depend_on_more_than_the_template_change_the_identity(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def identity_of(template: str, prompt_format: str = "chat_template") -> str:
        options = config(prompt_format=prompt_format)
        return loss_identity("token_scores", options, model(template=template))

    # The template's text is one of the files of the model's fingerprint: as before, it suffices.
    plain = identity_hash(
        "token_scores", prompt_format="chat_template", model="f", precision="fp32", max_length=100
    )
    assert identity_of(CHAT_TEMPLATE) == plain
    dated, headed = identity_of(DATED), identity_of(TURNS)
    assert len({plain, dated, headed}) == 3
    monkeypatch.setattr(chat_template_utils, "datetime", None)  # nobody asks for the real time
    assert identity_of(DATED) == dated
    assert len({identity_of(t, "alpaca") for t in (CHAT_TEMPLATE, DATED, TURNS)}) == 1


def test_a_new_code_version_is_a_new_identity(monkeypatch: pytest.MonkeyPatch) -> None:
    before = identity_hash("token_scores", x=1)
    other = identity_hash("robust_scores", x=1)
    raised = replace(TOKEN_SCORES, code_version="next")
    monkeypatch.setitem(identity.ASSETS, "token_scores", raised)
    assert identity_hash("token_scores", x=1) != before
    assert identity_hash("robust_scores", x=1) == other


def test_identities_do_not_depend_on_the_order_of_their_parts() -> None:
    assert identity_hash("token_scores", a=1, b=2) == identity_hash("token_scores", b=2, a=1)


def test_a_combined_version_follows_every_shard() -> None:
    assert combined_version({"a": "1", "b": "2"}) == combined_version({"b": "2", "a": "1"})
    others = [{"a": "1"}, {"a": "2", "b": "1"}, {"a": "1", "b": "3"}, {"a": "1", "c": "2"}, {}]
    versions = {combined_version(other) for other in others}
    assert len(versions) == len(others)
    assert combined_version({"a": "1", "b": "2"}) not in versions
