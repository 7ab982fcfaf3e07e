"""Models before a run: missing, without tokenizer, with a short context; nothing is loaded."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import Corpus
from tshirt_assets.config import CausalLMOptions
from tshirt_assets.preflight.inspection import Inspection, ModelKind
from tshirt_assets.preflight.model_presence import absent, context_length
from tshirt_assets.preflight.models_check import model_findings


def lines(corpus: Corpus, *kinds: ModelKind, online: bool = False) -> list[str]:
    return [str(f) for f in model_findings(Inspection(corpus.config, kinds, online))]


KINDS: tuple[ModelKind, ...] = ("scorer", "target", "embedder")


def test_models_that_are_there_are_fine(corpus: Corpus) -> None:
    assert lines(corpus, *KINDS) == []


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/no/such/model", "model '/no/such/model': no such file or folder; check `path`"),
        ("~nobody-here/model", "no such file or folder; check `path`"),
        ("package:no_such_package/m", "the package 'no_such_package' is not installed; run `pip"),
    ],
)
def test_a_model_that_is_not_there(corpus: Corpus, kind: str, path: str, words: str) -> None:
    corpus.configure(**{kind: path})
    [line] = lines(corpus, *KINDS)
    assert line.startswith(f"error: {kind}: ")
    assert words in line


def test_only_what_is_needed_is_looked_for(corpus: Corpus) -> None:
    corpus.configure(target="/no/such/model")
    assert lines(corpus, "scorer", "embedder") == []


def changed(corpus: Corpus, tmp_path: Path, *gone: str) -> list[str]:
    folder = shutil.copytree(corpus.models / "lm", tmp_path / "lm")
    for pattern in gone:
        for file in folder.glob(pattern):
            file.unlink()
    return absent(CausalLMOptions(path=str(folder)), online=False)


def test_a_folder_without_a_tokenizer(corpus: Corpus, tmp_path: Path) -> None:
    [line] = changed(corpus, tmp_path, "tokenizer.json")
    assert "no usable tokenizer beside the weights; save one there with" in line


def test_a_folder_without_a_configuration(corpus: Corpus, tmp_path: Path) -> None:
    [line] = changed(corpus, tmp_path, "config.json")
    assert line.endswith("no config.json, so not a transformers model")


def test_a_context_that_is_too_short(corpus: Corpus) -> None:
    path = str(corpus.models / "lm")
    assert context_length(CausalLMOptions(path=path)) == 512
    corpus.configure(scorer={"path": path, "max_length": 513})
    assert lines(corpus, "scorer") == [
        "warning: scorer.max_length: 513 is more than the 512 tokens of the model's context, where "
        "rows are cut; set scorer.max_length to 512, or take a model with a longer context"
    ]
    corpus.configure(scorer={"path": path, "max_length": 512})
    assert lines(corpus, "scorer") == []


def test_a_hub_id_is_asked_for_where_it_is_not_cached(
    corpus: Corpus, monkeypatch: pytest.MonkeyPatch
) -> None:
    import huggingface_hub

    asked: list[str] = []

    def model_info(_: Any, path: str, **__: Any) -> None:
        asked.append(path)
        raise OSError("no route to the hub")

    monkeypatch.setattr(huggingface_hub.HfApi, "model_info", model_info)
    monkeypatch.setattr(huggingface_hub, "try_to_load_from_cache", lambda *_, **__: None)
    corpus.configure(scorer="some/model")
    assert lines(corpus, "scorer", online=False) == []
    assert asked == []
    [line] = lines(corpus, "scorer", online=True)
    assert asked == ["some/model"]
    assert line == (
        "error: scorer: model 'some/model': not a local folder, not in the local hub cache, and "
        "the hub did not provide it (OSError: no route to the hub); check the id, the network, or "
        "use a local path"
    )


def test_ids_that_the_hub_cannot_have_are_one_line(corpus: Corpus) -> None:
    corpus.configure(scorer="no model, surely")
    [line] = lines(corpus, "scorer", online=True)
    assert "the hub did not provide it" in line
    assert lines(corpus, "scorer", online=False) == []


def test_no_weights_are_read(corpus: Corpus, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert lines(corpus, *KINDS) == []
