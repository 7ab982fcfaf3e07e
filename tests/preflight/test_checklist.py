"""No valid configuration, whatever its texts, makes a check raise."""

from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.preflight.inspected import GOOD, write
from tshirt_assets.config import ConfigError, parse_config
from tshirt_assets.preflight.checklist import CHECKS, QUICK_CHECKS, findings
from tshirt_assets.preflight.inspection import Inspection

ODD = (
    *("", ".", "..", "[", "**", "rows/[a", "a" * 300),
    *("é" * 200, "a/" * 900, "file://x", "${X}", "~x"),
)
TEXTS = st.text(max_size=12).map(lambda text: text.lstrip("/~")) | st.sampled_from(ODD)
MODELS = ("scorer", "target", "embedder")
KEYS = ("paths", "store", "export_dir", "columns", "storage_options", *MODELS)


def check(folder: Path, values: dict[str, Any]) -> None:
    write(folder / "corpus" / "rows" / "a.jsonl", GOOD)
    corpus = {"name": "c", "paths": ["rows/*"]} | values
    try:
        config = parse_config(corpus, base=folder / "corpus", source="x")
    except ConfigError:
        return
    for finding in findings(Inspection(config, online=False)):
        assert "\n" not in str(finding)
        str(finding).encode()


@settings(
    max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.sampled_from(KEYS), TEXTS)
@example("scorer", "gpt2/../x")
@example("storage_options", "${NO_SUCH}")
@example("store", "file://")
@example("store", "a" * 300)
@example("embedder", "package:")
@example("embedder", "package:./x")
@example("scorer", "package:os/x")
@example("scorer", "x.gguf")
@example("scorer", "rows/a.jsonl")
@example("embedder", "rows/a.jsonl")
def test_any_text_in_any_option(tmp_path: Path, key: str, text: str) -> None:
    value: Any = [text] if key == "paths" else text
    if key == "columns":
        value = {"domain": text}
    if key == "storage_options":
        value = {"key": text}
    check(tmp_path, {key: value})


def test_the_quick_checks_are_among_all() -> None:
    assert set(QUICK_CHECKS) < set(CHECKS)
