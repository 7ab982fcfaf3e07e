"""Read a YAML file; whatever is wrong with it becomes one line that says where."""

from pathlib import Path
from reprlib import repr as short
from typing import Any

import yaml


class _Loader(yaml.SafeLoader):
    """Says where a value is that cannot be made, such as a date that does not exist."""

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
        return " ".join(str(error).split())
    said = " ".join(f"{error.problem or error.context}".split())
    return f"line {mark.line + 1}, column {mark.column + 1}: {said}"
