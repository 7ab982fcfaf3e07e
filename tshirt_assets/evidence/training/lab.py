"""A model that is trained again and again from the same weights, and measured after each time."""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.corpus.status import Status
from tshirt_assets.evidence.training.activations import Activations, layer_stack
from tshirt_assets.evidence.training.cells import Losses
from tshirt_assets.evidence.training.fit import fine_tune, row_losses, thaw_last_layers
from tshirt_assets.evidence.training.training_plan import TrainingPlan
from tshirt_assets.models.causal_lm import load_tokenizer, read_model
from tshirt_assets.models.model_files import fingerprint, locate_model

if TYPE_CHECKING:
    import torch
    from transformers import PreTrainedModel

    from tshirt_assets.scoring.tokenize import TokenizedSample

TRAINED_WITH = ("epochs", "layers", "rows_per_step", "max_length")
"""What of a plan changes the result of a single training."""


class Lab:
    """The target model of a corpus; its weights are read when it is first trained or measured.

    parts: the rows that every training is measured on, by the names of the fields of `Losses`.
    """

    def __init__(self, config: CorpusConfig, plan: TrainingPlan):
        # Weights are updated, which float16 and bfloat16 are too coarse for.
        self.options = config.target_model.model_copy(update={"dtype": "float32"})
        self.parts: dict[str, list[TokenizedSample]] = {}
        self._format, self._plan = config.prompt_format, plan

    def tokenized(self, samples: Iterable[Sample]) -> "dict[str, TokenizedSample]":
        """The rows that fit, by sample id; those whose prompt is too long are left out."""
        from tshirt_assets.scoring.tokenize import tokenize_samples

        longest = min(self._plan.max_length, self.options.max_length)
        rows = tokenize_samples([*samples], load_tokenizer(self.options), self._format, longest)
        return {row.sample_id: row for row in rows if row.status is Status.OK}

    @property
    def identity(self) -> dict[str, Any]:
        """Everything that all trainings share, and that changes what they find."""
        options = self.options
        location = locate_model(
            options.path,
            options.revision,
            allow_pickle=options.allow_pickle,
            trust_remote_code=options.trust_remote_code,
        )
        plan = {name: value for name, value in asdict(self._plan).items() if name in TRAINED_WITH}
        held_out = {name: [row.sample_id for row in rows] for name, rows in self.parts.items()}
        return {"model": fingerprint(location), "prompt_format": self._format, **plan, **held_out}

    def train(self, rows: "Sequence[TokenizedSample]", seed: int, learning_rate: float) -> Losses:
        """Train on rows and measure. Without rows the model is measured as it is."""
        started = time.perf_counter()
        self._begin_anew()
        steps = []
        if rows:
            steps = fine_tune(
                self._model,
                rows,
                layers=self._plan.layers,
                epochs=self._plan.epochs,
                rows_per_step=self._plan.rows_per_step,
                learning_rate=learning_rate,
                seed=seed,
                activations=self._activations,
            )
        found: dict[str, list[float]] = {
            name: row_losses(self._model, part, self._activations).tolist()
            for name, part in self.parts.items()
        }
        return Losses(**found, steps=steps, seconds=time.perf_counter() - started)

    def timed(self, rows: "Sequence[TokenizedSample]") -> float:
        """Seconds of one training step on these rows, and one measurement of them."""
        self._begin_anew()
        step: Mapping[str, Any] = {"layers": self._plan.layers, "epochs": 1, "seed": 0}
        size = max(len(rows), 1)
        run: Callable[[], object] = lambda: (  # noqa: E731 - what is timed, twice
            fine_tune(self._model, rows, rows_per_step=size, learning_rate=1e-6, **step),
            row_losses(self._model, rows),
        )
        run()  # warms up
        started = time.perf_counter()
        run()
        return time.perf_counter() - started

    def _begin_anew(self) -> None:
        import torch

        with torch.no_grad():
            for weight, first in self._first:
                weight.copy_(first)

    @cached_property
    def _model(self) -> "PreTrainedModel":
        return read_model(self.options)

    @cached_property
    def _activations(self) -> Activations:
        return Activations(self._model, min(self._plan.layers, len(layer_stack(self._model))))

    @cached_property
    def _first(self) -> "list[tuple[torch.nn.Parameter, torch.Tensor]]":
        """The trained weights, and what they are before a training."""
        weights = thaw_last_layers(self._model, self._plan.layers).values()
        return [(weight, weight.detach().clone()) for weight in weights]
