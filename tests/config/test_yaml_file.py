"""Files that are no YAML, or no text: one line that says where the fault is."""

from pathlib import Path

import pytest

from tshirt_assets.config import ConfigError, CorpusConfig
from tshirt_assets.config.yaml_file import read_yaml


def said(folder: Path, content: bytes) -> str:
    file = folder / "corpus.yaml"
    file.write_bytes(content)
    with pytest.raises(ConfigError) as caught:
        CorpusConfig.from_yaml(file)
    return str(caught.value).removeprefix(f"{file}: ")


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (
            b"name: c\nowner: \xff\n",
            "not UTF-8: byte 0xff at position 15; save the file as UTF-8",
        ),
        (
            b"name: c\npaths: [2024-13-45]\n",
            "not valid YAML: line 2, column 9: '2024-13-45' cannot be read as timestamp "
            "(month must be in 1..12); put it in quotes if it is text",
        ),
        (
            b"seed: 0b_\n",
            "not valid YAML: line 1, column 7: '0b_' cannot be read as int "
            "(invalid literal for int() with base 2: ''); put it in quotes if it is text",
        ),
        (
            b"name: !!bool x\n",
            "not valid YAML: line 1, column 7: 'x' cannot be read as bool; "
            "put it in quotes if it is text",
        ),
        (
            b"name: [\n",
            "not valid YAML: line 2, column 1: expected the node content, but found '<stream end>'",
        ),
        (b"a: *b\n", "not valid YAML: line 1, column 4: found undefined alias 'b'"),
        (
            b"a: !!python/name:os.system x\n",
            "not valid YAML: line 1, column 4: could not determine a constructor for the tag "
            "'tag:yaml.org,2002:python/name:os.system'",
        ),
        (
            b"a: \x00\n",
            "not valid YAML: unacceptable character #x0000: special characters are not allowed "
            'in "<unicode string>", position 3',
        ),
        (
            b"name: c\nseed: 1\nname: d\n",
            "not valid YAML: line 3, column 1: the key 'name' is already in line 1; remove one",
        ),
        (
            b"recipes:\n  a: {budget: 1, method: ifd, 'budget': 2}\n",
            "not valid YAML: line 2, column 31: the key 'budget' is already in line 2; remove one",
        ),
        (b"[" * 3000, "not valid YAML: nested too deeply"),
    ],
    ids=lambda value: "" if isinstance(value, bytes) else value[:40],
)
def test_a_fault_of_the_file_is_one_line(tmp_path: Path, content: bytes, line: str) -> None:
    assert said(tmp_path, content) == line


def test_an_endless_number_is_not_repeated(tmp_path: Path) -> None:
    line = said(tmp_path, b"seed: " + b"9" * 5000)
    assert "\n" not in line
    assert len(line) < 300


def test_what_yaml_means_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("\ufeffa: &x [1, 2.5, yes]\nb: *x\nc: {d: é}\n", encoding="utf-8")
    assert read_yaml(file) == {"a": [1, 2.5, True], "b": [1, 2.5, True], "c": {"d": "é"}}


def test_what_is_merged_in_may_be_given_anew(tmp_path: Path) -> None:
    file = tmp_path / "values.yaml"
    file.write_text("a: &a {x: 1, y: 2}\nb: &b {x: 3}\nc: {<<: *a, <<: *b, y: 4}\n1: 0\n'1': 1\n")
    values = read_yaml(file)
    assert values["c"]["y"] == 4
    assert (values[1], values["1"]) == (0, 1)


def test_numbers_written_in_yaml_are_counts_or_shares(tmp_path: Path) -> None:
    file = tmp_path / "corpus.yaml"
    for budget, rows in (("1", 1), ("1.0", 10), ("0.2", 2), ("'0.2'", 2)):
        file.write_text(f"name: c\npaths: [x]\nrecipes: {{r: {{method: ifd, budget: {budget}}}}}\n")
        assert CorpusConfig.from_yaml(file).recipes["r"].rows(10) == rows


def test_infinity_is_refused_as_yaml_writes_it(tmp_path: Path) -> None:
    text = "name: c\npaths: [x]\nrecipes: {r: {method: tshirt, budget: 1, gamma: .inf}}\n"
    assert said(tmp_path, text.encode()) == (
        "recipes.r.gamma: expected a finite number, not inf; "
        "allowed: number greater than or equal to 1 and less than or equal to 1_000_000"
    )
