"""Every snippet and command of the README and of docs/ is run, on a small corpus in place of the
reader's; the pages that are generated are what would be generated now."""

import functools
import gzip
import io
import json
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import yaml
from click.testing import CliRunner
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef

from docs import reference
from tests.corpora import NAME, Corpus
from tests.documents import PAGES, ROOT, Block, blocks, program, shell_blocks, text
from tests.hub import hub
from tests.s3_server import s3_server
from tests.tiny import bpe_tokenizer, causal_lm
from tests.web_files import serving
from tshirt_assets.cli import main
from tshirt_assets.config import CorpusConfig, parse_config
from tshirt_assets.corpus.readers import read_shard
from tshirt_assets.corpus.shards import discover_shards

SERVERS = (
    "explore",
    "reports",
    "push",
)  # commands of tshirt-assets that do not end, or want another server
# Several processes, and many trainings: tests/runs, test_machines.py and tests/evidence run them.
SEVERAL = {"--workers", "--queued", "--train"}
# Programs whose lines a slow test of its own runs, word for word.
ELSEWHERE = {
    "dg": "tests/test_component_project.py",
    "ray": "tests/test_machines.py",
}


@pytest.fixture(scope="module")
def prepared(
    finished: Corpus, tiny_models: Path, tmp_path_factory: pytest.TempPathFactory
) -> Corpus:
    """The finished corpus with its search table, and a second configuration beside it."""
    folder = tmp_path_factory.mktemp("docs") / "corpus"
    shutil.copytree(finished.folder, folder)
    corpus = Corpus(folder, tiny_models)
    corpus.materialize("search")
    judged = corpus.frame("samples").filter(status="ok")["sample_id"][0]
    (folder / "said.csv").write_text(f"sample_id,verdict\n{judged},keep\n")
    (folder / ".tshirt").mkdir()
    for name in ("store", "exports"):  # where a corpus without these options has them
        (folder / ".tshirt" / name).symlink_to(folder / name)
    other = corpus.file.read_text().replace("name: tiny", "name: other")
    (folder / "other.yaml").write_text(other)
    return corpus


@pytest.fixture
def reader(
    prepared: Corpus, tmp_path: Path, tiny_models: Path, monkeypatch: pytest.MonkeyPatch
) -> Corpus:
    """A reader in the folder of a finished corpus of their own."""
    folder = tmp_path / "corpus"
    shutil.copytree(prepared.folder, folder, symlinks=True)
    for name in ("store", "exports"):
        (folder / ".tshirt" / name).unlink()
        (folder / ".tshirt" / name).symlink_to(folder / name)
    monkeypatch.chdir(folder)
    monkeypatch.setenv("DAGSTER_HOME", str(folder / "home"))
    monkeypatch.setenv("TSHIRT_ASSETS_CORPUS", str(folder / "corpus.yaml"))
    return Corpus(folder, tiny_models)


@pytest.fixture
def bucket(reader: Corpus, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """The reader's store in a bucket of an S3 server on this machine."""
    boto3 = pytest.importorskip("boto3")
    server = pytest.importorskip("moto.server").ThreadedMotoServer(
        ip_address="127.0.0.1", port=0, verbose=False
    )
    server.start()
    endpoint = "http://{}:{}".format(*server.get_host_and_port())
    monkeypatch.setenv("S3_ENDPOINT", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "AKIADOCSEXAMPLE00001")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "docs-secret-0123456789")
    client = boto3.client("s3", endpoint_url=endpoint, region_name="us-east-1")
    client.create_bucket(Bucket="curation")
    store = Path(reader.config.store)
    for file in store.rglob("*"):
        if file.is_file():
            client.upload_file(str(file), "curation", f"{NAME}/{file.relative_to(store)}")
    yield
    server.stop()


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_configurations_are_valid(block: Block, tmp_path: Path) -> None:
    values = yaml.safe_load(block.text)
    if "run_launcher" in values and find_spec(values["run_launcher"]["module"]) is None:
        pytest.skip(f"needs {values['run_launcher']['module']}: pip install dagster-ray")
    if "storage" in values:  # test_machines.py connects to the database
        pytest.importorskip("dagster_postgres", reason="needs the extra `postgres`")
        (tmp_path / "dagster.yaml").write_text(block.text)
        assert InstanceRef.from_dir(str(tmp_path)).storage_data
    elif values.keys() & {"concurrency", "run_monitoring", "run_launcher"}:
        (tmp_path / "dagster.yaml").write_text(block.text)
        with DagsterInstance.from_config(str(tmp_path)) as instance:
            assert instance.run_launcher
    elif "attributes" in values:
        assert values["type"] == "tshirt_assets.CurationComponent"
        parse_config(values["attributes"], base=tmp_path, source=str(block))
    elif "datasets" in values or "dataset" in values:
        check_training_configuration(values)
    else:  # a corpus.yaml, or a part of one
        paths = {} if "source_asset" in values else {"paths": ["raw/*"]}
        whole = {"name": "mydata"} | paths | values
        parse_config(whole, base=tmp_path, source=str(block))


def check_training_configuration(values: dict[str, Any]) -> None:
    """What LLaMA-Factory or axolotl are told agrees with the names that exports have."""
    if "dataset" in values:
        folder = Path(values["dataset_dir"])
        assert folder.parts[-3:] == ("exports", "mydata", "tshirt-5pct")
        assert values["dataset"] == "mydata_tshirt-5pct_messages"
    for dataset in values.get("datasets", []):
        assert Path(dataset["path"]).parts[-3:] == ("mydata", "tshirt-5pct", "messages.jsonl")
        assert (dataset["ds_type"], dataset["type"]) == ("json", "chat_template")


@pytest.mark.parametrize("block", blocks("yaml", ["docs/sources.md"]), ids=str)
def test_sources_are_found_and_read(
    block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    row = json.dumps({"prompt": "Q", "response": "A"}).encode()
    monkeypatch.setenv("HF_TOKEN", "")
    if "s3://" in block.text:
        pytest.importorskip("s3fs")
        pytest.importorskip("moto.server")
    with s3_server() if "s3://" in block.text else nullcontext() as s3:
        if s3 is not None:
            for name in ("S3_ENDPOINT", "AWS_ENDPOINT_URL"):
                monkeypatch.setenv(name, s3.endpoint)
            monkeypatch.setenv("AWS_ACCESS_KEY_ID", s3.options["key"])
            monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", s3.options["secret"])
            s3.client.create_bucket(Bucket="talks")
            s3.client.put_object(Bucket="talks", Key="rows/a.jsonl", Body=row)
        table = io.BytesIO()
        pq.write_table(pa.table({"prompt": ["Q"], "response": ["A"]}), table)
        web = hub({"data/a.parquet": table.getvalue()})
        web.files["/talks/rows.jsonl.gz"] = gzip.compress(row)
        with serving(web):
            values = yaml.safe_load(block.text.replace("https://data.example.org", web.url))
            if "hf://" in block.text:
                values["source_options"]["endpoint"] = web.url
            config = parse_config(values, base=tmp_path, source=str(block))
            [spec] = discover_shards(config)
            assert [sample.response for sample in read_shard(spec, config)] == ["A"]


@pytest.mark.parametrize("block", shell_blocks(), ids=str)
def test_commands_work(block: Block, reader: Corpus) -> None:
    for line in block.commands:
        run(line)


def run(line: str) -> None:
    """Run a command of the documentation, as far as it can be run here."""
    name = program(line)
    assert name is not None, f"no way to run this is known: {line}"
    if name in ELSEWHERE:
        return
    words = shlex.split(line)
    words = words[words.index(name) + 1 :]
    if name == "tshirt-assets" and (words[0] in SERVERS or SEVERAL & set(words)):
        with main.commands[words[0]].make_context(words[0], words[1:]):
            assert words[0] in main.commands
    elif name == "tshirt-assets":
        run_tshirt_assets(*words)
    elif name == "make":
        subprocess.run(["make", *words, "--dry-run"], cwd=ROOT, check=True, capture_output=True)
    elif name == "pip":
        check_requirements(words)
    elif name == "dagster":
        check_dagster(words)


@functools.cache  # the same line on another page works as well as on the first
def run_tshirt_assets(*words: str) -> None:
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, f"{words}\n{result.output}"


def check_requirements(words: list[str]) -> None:
    """Extras that the reader is told to install are there."""
    import tomllib

    extras = tomllib.loads(text("pyproject.toml"))["project"]["optional-dependencies"]
    assert words[0] == "install"
    for word in words[1:]:
        assert set(re.findall(r"tshirt-assets\[(\w+)\]", word)) <= set(extras)


def check_dagster(words: list[str]) -> None:
    """The arguments are valid and the definitions load; test_machines.py runs `materialize`."""
    from dagster._cli import create_dagster_cli

    group: Any = create_dagster_cli()
    while hasattr(group, "commands"):
        group = group.commands[words.pop(0)]
    context = group.make_context("dagster", words)
    named = context.params["module_name"]
    for module in [named] if isinstance(named, str) else named:
        assert find_spec(module) is not None


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_snippets_run(
    block: Block, reader: Corpus, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    code = block.translated
    if "s3://" in code:
        request.getfixturevalue("bucket")
    if "trl" in code and find_spec("trl") is None:
        pytest.skip("needs the optional package `trl`: pip install 'tshirt-assets[train]'")
    if "as_=" in code and find_spec("datasets") is None:
        code = "\n".join(line for line in code.splitlines() if "as_=" not in line)
    if "HuggingFaceTB" in code:
        code = code.replace("HuggingFaceTB/SmolLM2-135M-Instruct", save_chat_model(tmp_path / "lm"))
    code = "\n" * block.line + code  # tracebacks then name the line of the page
    names: dict[str, Any] = {"__name__": "snippet"}
    exec(compile(code, block.page, "exec"), names)
    if "defs" in names:
        dg.Definitions.validate_loadable(names["defs"])


def save_chat_model(folder: Path) -> str:
    """A tiny model whose tokenizer ends and pads texts, as those of chat models do."""
    causal_lm(max_positions=512).save_pretrained(folder)  # type: ignore[operator]
    tokenizer = bpe_tokenizer()
    tokenizer.eos_token = tokenizer.pad_token = "<|end|>"
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.parametrize("page", PAGES)
def test_links_pictures_and_anchors_are_there(page: str) -> None:
    for target in re.findall(r"\]\(((?!http)[^)]+)\)", text(page)):
        file, _, anchor = target.partition("#")
        path = (ROOT / page).parent / file if file else ROOT / page
        assert path.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
            slugs = [re.sub(r"[^\w\- ]", "", h.lower()).replace(" ", "-") for h in headings]
            assert anchor in slugs, target


def test_every_page_is_linked_from_the_readme() -> None:
    linked = re.findall(r"\]\((docs/[^)#]+\.md)\)", text("README.md"))
    assert set(PAGES) - {"README.md"} <= set(linked)


@pytest.mark.parametrize("page", reference.PAGES)
def test_generated_pages_are_up_to_date(page: str) -> None:
    assert text(page) == reference.PAGES[page](), "run: python docs/reference.py"


def test_the_option_reference_names_every_option() -> None:
    page = text("docs/options.md")
    for name, field in CorpusConfig.model_fields.items():
        assert f"`{name}`" in page
        assert field.description
