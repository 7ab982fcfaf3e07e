"""The canonical row: one instruction, one scored response, whatever the source format was."""

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

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


_STATUSES: Final = {str(status): status for status in Status}

TURN_FIELDS_KEY: Final = "turn_fields"
"""Key of `extra`, in a stored table, under which the fields of the turns stand; always the first.

Its value is a list with an object per message, empty where a turn is role and content alone.
"""
_TURN_FIELDS_FIRST: Final = f'{{"{TURN_FIELDS_KEY}": '


@dataclass(frozen=True, slots=True)
class Message:
    """One turn. `role` is system, user, assistant or tool.

    `reasoning` is what an assistant turn holds beside its content with `reasoning: separate`.
    `trained` is False for an assistant turn that is not to be trained on. `extra` keeps the turn's
    other source fields as a JSON object.
    """

    role: str
    content: str
    reasoning: str = ""
    trained: bool = True
    extra: str | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """What the turn has beside role and content, by the names that exports give it."""
        reasoning = {"reasoning_content": self.reasoning} if self.reasoning else {}
        weight = {} if self.trained else {"weight": 0}
        return reasoning | weight | ({"extra": self.extra} if self.extra else {})

    @classmethod
    def of(cls, turn: Mapping[str, Any]) -> Self:
        """The turn that has this role and content, and these `fields`."""
        return cls(
            turn["role"],
            turn["content"],
            reasoning=turn.get("reasoning_content") or "",
            trained=turn.get("weight") != 0,
            extra=turn.get("extra"),
        )


@dataclass(frozen=True, slots=True)
class Sample:
    """One validated row.

    `messages` ends with the scored assistant turn. `instruction` holds the flattened history of
    a multi-turn row; `input` is the Alpaca input or the empty string; `response` is the content
    of the last message, which is always one to be trained on. `extra` keeps the other source
    fields as a JSON object.
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

    It covers what a score depends on: roles, contents and reasoning kept apart, and the Alpaca
    input, because some prompt formats set it apart from the instruction.
    """
    canonical = [
        [message.role, message.content, *([message.reasoning] if message.reasoning else [])]
        for message in messages
    ]
    payload = json.dumps([canonical, input_text], ensure_ascii=False, separators=(",", ":"))
    return raw_id(payload)


def raw_id(text: str) -> str:
    """Hash of a text that could not be parsed into messages: 32 hex digits."""
    return hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def with_turn_fields(messages: Iterable[Message], extra: str | None) -> str | None:
    """A sample's `extra` as tables store it: the fields of its turns, if any has some, in front."""
    fields = [message.fields for message in messages]
    if not any(fields):
        return extra
    rest = f", {extra[1:]}" if extra else "}"
    return f"{_TURN_FIELDS_FIRST}{json.dumps(fields, ensure_ascii=False)}{rest}"


def split_turn_fields(stored: str | None) -> tuple[list[dict[str, Any]], str | None]:
    """The fields of the turns, an empty list if none has any, and a sample's own `extra`.

    The rest is never parsed: it may be nested more deeply than Python can read.
    """
    if stored is None or not stored.startswith(_TURN_FIELDS_FIRST):
        return [], stored
    fields, end = json.JSONDecoder().raw_decode(stored, len(_TURN_FIELDS_FIRST))
    rest = stored[end:].removeprefix(", ")
    return fields, None if rest == "}" else f"{{{rest}"


def stored_messages(
    turns: Sequence[Mapping[str, Any]], fields: Sequence[Mapping[str, Any]]
) -> tuple[Message, ...]:
    """Messages of the turns in a table, with the fields that `split_turn_fields` found for them."""
    if not fields:
        return tuple([Message(turn["role"], turn["content"]) for turn in turns])
    return tuple(Message.of({**turn, **own}) for turn, own in zip(turns, fields, strict=True))


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
            "extra": with_turn_fields(sample.messages, sample.extra),
        }
        for sample in samples
    ]
    return pa.Table.from_pylist(rows, schema=SAMPLES_SCHEMA)


def from_table(table: pa.Table) -> list[Sample]:
    """Samples of an Arrow table in `SAMPLES_SCHEMA`."""
    return [_from_row(row) for row in table.to_pylist()]


def _from_row(row: dict[str, Any]) -> Sample:
    fields, extra = split_turn_fields(row["extra"])
    return Sample(
        sample_id=row["sample_id"],
        shard=row["shard"],
        row=row["row"],
        status=_STATUSES[row["status"]],
        status_detail=row["status_detail"],
        messages=stored_messages(row["messages"] or (), fields),
        instruction=row["instruction"] or "",
        input=row["input"] or "",
        response=row["response"] or "",
        domain=row["domain"],
        extra=extra,
    )
