"""Read a YAML file; whatever is wrong with it becomes one line that says where."""

from pathlib import Path
from reprlib import repr as short
from typing import Any

import yaml

_LONGEST = 300  # characters of what PyYAML says
_MERGE = "tag:yaml.org,2002:merge"  # `<<`: what it brings gives way to a key of the mapping's own


class _Loader(yaml.SafeLoader):
    """Says where a value is that cannot be made, such as a date that does not exist.

    A key that a mapping has twice is refused: PyYAML would silently keep the last one.
    """

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == _MERGE:
                continue
            here = key.start_mark.line + 1
            if (key.tag, key.value) in lines:
                first = lines[key.tag, key.value]
                raise yaml.MarkedYAMLError(
                    problem=f"the key {short(key.value)} is already in line {first}; remove one",
                    problem_mark=key.start_mark,
                )
            lines[key.tag, key.value] = here
        return node

    def construct_object(self, node: yaml.Node, deep: bool = False) -> Any:
        try:
            return super().construct_object(node, deep)
        except (yaml.YAMLError, RecursionError):
            raise
        except Exception as error:  # PyYAML lets through whatever int(), date() and so on raise
            text = node.value if isinstance(node, yaml.ScalarNode) else "this"
            why = f" ({error})" if isinstance(error, ValueError) else ""
            problem = f"{short(text)} cannot be read as {node.tag.rpartition(':')[2]}{why}"
            raise yaml.MarkedYAMLError(
                problem=f"{problem}; put it in quotes if it is text", problem_mark=node.start_mark
            ) from None


def read_yaml(file: Path) -> Any:
    """What a YAML file holds: mappings, lists, texts, numbers, dates.

    Raises `ValueError` with one line if it cannot be read or is not YAML in UTF-8.
    """
    try:
        return yaml.load(file.read_text(encoding="utf-8"), _Loader)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise ValueError(
            f"not UTF-8: byte {error.object[error.start]:#04x} at position {error.start}; "
            "save the file as UTF-8"
        ) from None
    except RecursionError:
        raise ValueError("not valid YAML: nested too deeply") from None
    except yaml.YAMLError as error:
        raise ValueError(f"not valid YAML: {_one_line(error)}") from None


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    if not isinstance(error, yaml.MarkedYAMLError) or mark is None:
        return _cut(str(error))
    place = f"line {mark.line + 1}, column {mark.column + 1}"
    return f"{place}: {_cut(f'{error.problem or error.context}')}"


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}..."
