"""What the frozen layers make of a row: computed once, shared by all trainings of a model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from tshirt_assets.scoring.tokenize import TokenizedSample

KEPT_BYTES = 2 << 30  # of activations; what does not fit is computed again


def layer_stack(model: "PreTrainedModel") -> "torch.nn.ModuleList":
    """The layers of a model: the longest of its module lists."""
    import torch

    stacks = [module for module in model.modules() if isinstance(module, torch.nn.ModuleList)]
    return max(stacks, key=len)


class Activations:
    """The output of the last frozen layer by row, while the last `layers` layers are trained.

    The model runs as it does anyway, whatever its kind; where a row is known, its frozen layers
    hand on what is known of it. The losses are therefore the same to the last bit.
    """

    def __init__(self, model: "PreTrainedModel", layers: int):
        self._frozen = list(layer_stack(model))[:-layers]
        self._kept: dict[tuple[str, int], Any] = {}
        self._n_bytes = 0

    @contextmanager
    def of(self, row: "TokenizedSample") -> Iterator[None]:
        """Within it, the model is to run on this row alone."""
        key = (row.sample_id, len(row.response_ids))  # a response may be cut
        if not self._frozen:
            yield
        elif key in self._kept:
            known = self._kept[key]
            for layer in self._frozen:
                layer.forward = lambda *_, **__: known
            try:
                yield
            finally:
                for layer in self._frozen:
                    del layer.forward  # the method of its class again
        else:
            last = self._frozen[-1]
            handle = last.register_forward_hook(lambda _, __, output: self._keep(key, output))
            try:
                yield
            finally:
                handle.remove()

    def _keep(self, key: tuple[str, int], output: Any) -> None:
        hidden = output[0] if isinstance(output, tuple) else output  # (1, L, C)
        if self._n_bytes + hidden.nbytes <= KEPT_BYTES:
            self._kept[key] = output
            self._n_bytes += hidden.nbytes
