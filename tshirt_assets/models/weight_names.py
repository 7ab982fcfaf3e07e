"""The names of weights: what wrappers put in front of them, and whether they are a model's own.

What is wrong with them is said here, in one way, for the check that reads no values and for the
load itself.
"""

import logging
import re
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

# Computed from the config, whether a checkpoint has them or not: masks, positions, frequencies.
_BUFFERS = re.compile(
    r"(^|\.)(rotary_emb\.inv_freq|inv_freq|position_ids|causal_mask|(attn|attention)\.(masked_)?bias)$"
)
# What torch.compile and data parallelism put in front of the names of what they wrap.
_WRAPPERS = {
    r"^(?:(?:module|_orig_mod|_fsdp_wrapped_module)\.)+": "",
    r"\.(?:_orig_mod|_fsdp_wrapped_module)\.": ".",
}
_NAMED = 3  # weights that a message names


def unwrapping(names: Iterable[str]) -> dict[str, str]:
    """transformers' `key_mapping` that strips wrappers' prefixes from the names of weights.

    Empty where no weight has such a prefix.
    """
    names = list(names)
    return {
        pattern: replacement
        for pattern, replacement in _WRAPPERS.items()
        if any(re.search(pattern, name) for name in names)
    }


def weights_fault(info: Mapping[str, Collection[Any]], architecture: str) -> str | None:
    """What is wrong with a checkpoint, from transformers' loading info, with the remedy.

    Tied weights and buffers are no fault; transformers itself leaves out those that it knows.
    """
    found = [
        f"{len(names)} {what} ({_few(names)})"
        for what, names in (
            ("missing, which would be random", _weights(info["missing_keys"])),
            ("of another shape", _weights(key for key, *_ in info["mismatched_keys"])),
            ("unexpected, which would be ignored", _weights(info["unexpected_keys"])),
        )
        if names
    ]
    if not found:
        return None
    return (
        f"its weights are not those of {architecture}: {'; '.join(found)}; give the folder of a "
        "whole model, as `save_pretrained(folder)` writes it"
    )


def _weights(names: Iterable[str]) -> list[str]:
    return sorted(name for name in names if not _BUFFERS.search(name))


def _few(names: Collection[str]) -> str:
    named = ", ".join(list(names)[:_NAMED])
    return f"{named}, ..." if len(names) > _NAMED else named


@contextmanager
def without_report() -> Iterator[None]:
    """Inside, transformers logs no table of the weights that it misses: `weights_fault` does."""
    logger = logging.getLogger("transformers.modeling_utils")

    def is_error(record: logging.LogRecord) -> bool:
        return record.levelno >= logging.ERROR

    logger.addFilter(is_error)
    try:
        yield
    finally:
        logger.removeFilter(is_error)
