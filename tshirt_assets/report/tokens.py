"""Response tokens as readable pieces with their deltas."""

from collections.abc import Callable, Sequence


def token_pieces(
    ids: Sequence[int],
    deltas: Sequence[float],
    first_delta_index: int,
    decode: Callable[[list[int]], str],
) -> list[tuple[str, float | None]]:
    """(text, delta) pairs whose texts add up to the decoded response.

    `ids` are the response tokens, `deltas` belong to `ids[first_delta_index:]`, `decode` turns
    ids into text. A character made of several byte tokens is one piece with the sum of their
    deltas, in nats: the logarithm of a product of probability ratios.
    """
    values: list[float | None] = [None] * first_delta_index + [float(delta) for delta in deltas]
    pieces: list[tuple[str, float | None]] = []
    context = start = 0  # ids[context:start] is decoded already, ids[start:] is pending
    for end in range(1, len(ids) + 1):
        before = decode(list(ids[context:start]))
        after = decode(list(ids[context:end]))
        # An unfinished character decodes to U+FFFD: wait for the rest of its bytes.
        if end < len(ids) and after.endswith("\ufffd") and end - start < MAX_BYTES:
            continue
        known = [value for value in values[start:end] if value is not None]
        pieces.append((after[len(before) :], sum(known) if known else None))
        context, start = start, end
    return pieces


MAX_BYTES = 4  # of one character in UTF-8
