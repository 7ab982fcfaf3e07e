"""Models before a run: missing, without tokenizer, with a short context; nothing is loaded."""

import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.corpora import Corpus
from tshirt_assets.preflight.inspection import Inspection, ModelKind
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
    corpus.configure(scorer=str(folder))
    return lines(corpus, "scorer")


def test_a_folder_without_a_tokenizer(corpus: Corpus, tmp_path: Path) -> None:
    [line] = changed(corpus, tmp_path, "tokenizer.json")
    assert "no usable tokenizer beside the weights; save one there with" in line


def test_a_folder_without_a_configuration(corpus: Corpus, tmp_path: Path) -> None:
    [line] = changed(corpus, tmp_path, "config.json")
    assert "config.json" in line


def test_a_folder_without_its_weights(corpus: Corpus, tmp_path: Path) -> None:
    [line] = changed(corpus, tmp_path, "*.safetensors")
    assert line.startswith("error: scorer: model ")


def test_a_context_that_is_too_short(corpus: Corpus) -> None:
    path = str(corpus.models / "lm")
    corpus.configure(scorer={"path": path, "max_length": 513})
    [line] = lines(corpus, "scorer")
    assert line.startswith("warning: scorer: model ")
    assert line.endswith("it takes 512 tokens, fewer than max_length 513")
    corpus.configure(scorer={"path": path, "max_length": 512})
    assert lines(corpus, "scorer") == []


def test_a_chat_template_that_is_missing(corpus: Corpus, tmp_path: Path) -> None:
    folder = shutil.copytree(corpus.models / "lm", tmp_path / "lm")
    (folder / "chat_template.jinja").unlink()
    corpus.configure(prompt_format="chat_template", scorer={"path": str(folder), "max_length": 64})
    [line] = lines(corpus, "scorer")
    assert "no chat template; set `prompt_format` to plain or alpaca" in line


def test_a_chat_template_that_leaves_the_header_out(corpus: Corpus, tmp_path: Path) -> None:
    folder = shutil.copytree(corpus.models / "lm", tmp_path / "lm")
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}<|end|>\n{% endfor %}"
    )
    corpus.configure(prompt_format="chat_template", scorer={"path": str(folder), "max_length": 64})
    [line] = lines(corpus, "scorer")
    assert line.startswith("warning: scorer: the chat template ignores add_generation_prompt")


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
    import transformers

    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("weights were loaded")

    monkeypatch.setattr(transformers.AutoModelForCausalLM, "from_pretrained", refuse)
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    assert lines(corpus, *KINDS) == []
