"""The canonical row: one instruction, one scored response, whatever the source format was."""

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from tshirt_assets.corpus.status import Status

SAMPLES_SCHEMA = pa.schema(
    [
        pa.field("sample_id", pa.string(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row", pa.int64(), nullable=False),
        pa.field("status", pa.string(), nullable=False),
        pa.field("status_detail", pa.string()),
        pa.field(
            "messages",
            pa.list_(pa.struct([pa.field("role", pa.string()), pa.field("content", pa.string())])),
        ),
        pa.field("instruction", pa.string()),
        pa.field("input", pa.string()),
        pa.field("response", pa.string()),
        pa.field("n_turns", pa.int32()),
        pa.field("domain", pa.string()),
        pa.field("extra", pa.string()),
    ]
)


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is system, user, assistant or tool."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Sample:
    """One validated row.

    `messages` ends with the scored assistant turn. `instruction` holds the flattened history of
    a multi-turn row; `input` is the Alpaca input or the empty string; `response` is the content
    of the last message. `extra` keeps the other source fields as a JSON object.
    """

    sample_id: str
    shard: str
    row: int
    status: Status
    status_detail: str | None
    messages: tuple[Message, ...]
    instruction: str
    input: str
    response: str
    domain: str | None = None
    extra: str | None = None

    @property
    def n_turns(self) -> int:
        """Number of messages, the scored one included."""
        return len(self.messages)


def content_id(messages: Iterable[Message], input_text: str = "") -> str:
    """Content hash of the canonical messages: 32 hex digits, independent of file and position.

    The Alpaca input takes part because some prompt formats set it apart from the instruction.
    """
    canonical = [[message.role, message.content] for message in messages]
    payload = json.dumps([canonical, input_text], ensure_ascii=False, separators=(",", ":"))
    return raw_id(payload)


def raw_id(text: str) -> str:
    """Hash of a text that could not be parsed into messages: 32 hex digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def to_table(samples: Iterable[Sample]) -> pa.Table:
    """Arrow table of samples in `SAMPLES_SCHEMA`, in the order given."""
    rows = [
        {
            "sample_id": sample.sample_id,
            "shard": sample.shard,
            "row": sample.row,
            "status": str(sample.status),
            "status_detail": sample.status_detail,
            "messages": [{"role": m.role, "content": m.content} for m in sample.messages],
            "instruction": sample.instruction,
            "input": sample.input,
            "response": sample.response,
            "n_turns": sample.n_turns,
            "domain": sample.domain,
            "extra": sample.extra,
        }
        for sample in samples
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLES_SCHEMA)


def from_table(table: pa.Table) -> list[Sample]:
    """Samples of an Arrow table in `SAMPLES_SCHEMA`."""
    return [
        Sample(
            sample_id=row["sample_id"],
            shard=row["shard"],
            row=row["row"],
            status=Status(row["status"]),
            status_detail=row["status_detail"],
            messages=tuple(Message(m["role"], m["content"]) for m in row["messages"] or ()),
            instruction=row["instruction"] or "",
            input=row["input"] or "",
            response=row["response"] or "",
            domain=row["domain"],
            extra=row["extra"],
        )
        for row in table.to_pylist()
    ]
