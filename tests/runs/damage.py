"""Ways in which what is stored of a corpus can be damaged, each with what `verify` says of it."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.corpora import NAME, Corpus
from tshirt_assets.incremental.identity import data_version
from tshirt_assets.store.table_info import TableInfo, full_meta, sealed, table_name

Damage = Callable[[Corpus], None]
Table = tuple[str, str | None]  # and the beginning of its shard's key, or a recipe


@dataclass(frozen=True)
class Kind:
    """One kind of damage. said: a pattern of the line; advice: what mends it beside a run."""

    name: str
    place: str  # of two kinds in different places each is mended by itself
    damage: Damage
    said: str
    advice: Damage | None = None


def place(corpus: Corpus, table: Table) -> Table:
    """A table with the whole key of its shard."""
    name, part = table
    whole = part if part is None or name == "selected_subset" else corpus.shard(part)
    return name, whole


def folder(corpus: Corpus, table: Table) -> Path:
    return Path(corpus.config.store) / f"{table_name(NAME, *place(corpus, table))}.lance"


def info(corpus: Corpus, table: Table) -> TableInfo:
    found = corpus.store.info(NAME, *place(corpus, table))
    assert found is not None
    return found


def dropped(table: Table) -> Damage:
    return lambda corpus: shutil.rmtree(folder(corpus, table))


def deleted(table: Table, part: str) -> Damage:
    def damage(corpus: Corpus) -> None:
        for file in (folder(corpus, table) / part).iterdir():
            file.unlink()

    return damage


def emptied(table: Table, part: str) -> Damage:
    def damage(corpus: Corpus) -> None:
        for file in (folder(corpus, table) / part).iterdir():
            file.write_bytes(b"")

    return damage


def cut(table: Table, part: str) -> Damage:
    def damage(corpus: Corpus) -> None:
        for file in (folder(corpus, table) / part).iterdir():
            file.write_bytes(file.read_bytes()[: file.stat().st_size // 2])

    return damage


def flipped_value(table: Table) -> Damage:
    """One bit of a sample id changes, in every file of data that holds it."""

    def damage(corpus: Corpus) -> None:
        rows = corpus.store.read(NAME, *place(corpus, table))
        needle = rows["sample_id"][0].as_py().encode()
        files = (folder(corpus, table) / "data").iterdir()
        holding = [file for file in files if needle in file.read_bytes()]
        assert holding
        for file in holding:
            content = bytearray(file.read_bytes())
            content[content.index(needle) + 3] ^= 1
            file.write_bytes(content)

    return damage


def flipped_fact(table: Table, key: str = "data_version") -> Damage:
    """One bit changes of what the manifest says of a table."""

    def damage(corpus: Corpus) -> None:
        value = info(corpus, table).meta[key].encode()
        for file in (folder(corpus, table) / "_versions").iterdir():
            content = bytearray(file.read_bytes())
            start = content.find(value)
            while start >= 0:
                content[start] ^= 1
                start = content.find(value, start + 1)
            file.write_bytes(content)

    return damage


def flipped_header(table: Table) -> Damage:
    """One bit of the length of every manifest changes."""

    def damage(corpus: Corpus) -> None:
        for file in (folder(corpus, table) / "_versions").glob("*.manifest"):
            content = bytearray(file.read_bytes())
            content[-16] ^= 64
            file.write_bytes(content)

    return damage


def replaced(table: Table, change: Callable[[pa.Table], pa.Table], *, own: bool = False) -> Damage:
    """Other rows in the place of a table, as if nothing had happened.

    own: with a data version of their own.
    """

    def damage(corpus: Corpus) -> None:
        at, meta = place(corpus, table), info(corpus, table).meta
        rows = change(corpus.store.read(NAME, *at))
        version = {"data_version": data_version(rows)} if own else {}
        corpus.store.write(NAME, *at, rows, meta | version)

    return damage


def edited(column: str, value: Any) -> Callable[[pa.Table], pa.Table]:
    """Another value in the first row."""

    def change(rows: pa.Table) -> pa.Table:
        kind = rows.schema.field(column).type
        values = pa.array([value, *rows[column].to_pylist()[1:]], kind)
        return rows.set_column(rows.schema.get_field_index(column), column, values)

    return change


def retyped(column: str, kind: pa.DataType) -> Callable[[pa.Table], pa.Table]:
    def change(rows: pa.Table) -> pa.Table:
        values = rows[column].cast(kind)
        return rows.set_column(rows.schema.get_field_index(column), column, values)

    return change


def without(*columns: str) -> Callable[[pa.Table], pa.Table]:
    return lambda rows: rows.drop_columns(list(columns))


def repeated(rows: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, rows.slice(0, 1)])


def with_facts(table: Table, *, resealed: bool = True, **facts: str | None) -> Damage:
    """The same rows with other facts; None removes one."""

    def damage(corpus: Corpus) -> None:
        rows = corpus.store.read(NAME, *place(corpus, table))
        old = info(corpus, table).meta
        meta = {key: value for key, value in (old | facts).items() if value is not None}
        written = sealed(meta) if resealed else {**meta, "seal": sealed(old)["seal"]}
        name = table_name(NAME, *place(corpus, table))
        corpus.store.database.replace(name, rows.replace_schema_metadata(written))

    return damage


def restored(table: Table) -> Damage:
    """An older version, which was sound when it was written, is the present one again."""
    return replaced(table, lambda rows: rows.slice(1), own=True)


def swapped(table: Table, other: Table) -> Damage:
    """The folder of another table in the place of one."""

    def damage(corpus: Corpus) -> None:
        shutil.rmtree(folder(corpus, table))
        shutil.copytree(folder(corpus, other), folder(corpus, table))

    return damage


def stray(corpus: Corpus) -> None:
    shutil.copytree(
        folder(corpus, ("token_scores", "b-")), Path(corpus.config.store) / f"{NAME}.copy.lance"
    )


def no_stray(corpus: Corpus) -> None:
    shutil.rmtree(Path(corpus.config.store) / f"{NAME}.copy.lance")


def newer(table: Table) -> Damage:
    def damage(corpus: Corpus) -> None:
        meta = full_meta(NAME, *place(corpus, table), {}) | {"schema_version": "99"}
        name = table_name(NAME, *place(corpus, table))
        rows = pa.table({"unknown": [1]})
        corpus.store.database.replace(name, rows.replace_schema_metadata(meta))

    return damage


def staged(table: Table) -> Damage:
    def damage(corpus: Corpus) -> None:
        at, meta = place(corpus, table), info(corpus, table).meta
        staging = corpus.store.staging(NAME, *at, meta["identity"])
        staging.append(corpus.store.read(NAME, *at).slice(0, 2))

    return damage


def staged_otherwise(table: Table) -> Damage:
    def damage(corpus: Corpus) -> None:
        identity = info(corpus, table).meta["identity"]
        staging = corpus.store.staging(NAME, *place(corpus, table), identity)
        staging.append(pa.table({"sample_id": [1]}))

    return damage


def exports(corpus: Corpus, recipe: str) -> Path:
    return Path(corpus.config.export_dir) / NAME / recipe


def file_gone(recipe: str, name: str) -> Damage:
    return lambda corpus: (exports(corpus, recipe) / name).unlink()


def file_written(recipe: str, name: str, change: Callable[[bytes], bytes]) -> Damage:
    def damage(corpus: Corpus) -> None:
        file = exports(corpus, recipe) / name
        file.write_bytes(change(file.read_bytes()) if file.exists() else change(b""))

    return damage


def flip(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :]


def manifest(recipe: str, change: Callable[[dict[str, Any]], Any]) -> Damage:
    def edited(content: bytes) -> bytes:
        values = json.loads(content)
        return json.dumps(change(values) or values).encode()

    return file_written(recipe, "manifest.json", edited)


def leftover(recipe: str, name: str) -> Damage:
    """A folder, or for `report.html` a file, that a killed run was writing."""

    def damage(corpus: Corpus) -> None:
        path = exports(corpus, recipe).parent / f".{recipe}-ab12cd_3"
        if name:
            (exports(corpus, recipe) / f".{name}-ab12cd_3").write_text("half")
        else:
            path.mkdir()
            (path / "messages.jsonl").write_text("half")

    return damage
