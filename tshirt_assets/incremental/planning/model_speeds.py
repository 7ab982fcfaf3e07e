"""What the models of a corpus take for the work that is planned."""

from collections.abc import Callable, Mapping, Sequence

from tshirt_assets.config import CorpusConfig
from tshirt_assets.corpus.sample import Sample
from tshirt_assets.incremental.planning.kept_speeds import KeptSpeeds, Speed, device_name
from tshirt_assets.incremental.planning.present_rows import PresentRows
from tshirt_assets.incremental.planning.probe import Probe
from tshirt_assets.incremental.planning.work import Kind, Work
from tshirt_assets.models.causal_lm import causal_lm_size, load_causal_lm
from tshirt_assets.models.embedder import load_embedder

NAMES: Mapping[Kind, str] = {
    "clean": "the scorer",
    "noisy": "the scorer under noise",
    "gradient": "its gradients",
    "target": "the target",
    "embedding": "the embedder",
}
SCORER_KINDS: Sequence[Kind] = ("clean", "noisy", "gradient")


class ModelSpeeds:
    """Finds how fast each model is, by a probe or from earlier ones, and how long it takes."""

    def __init__(self, config: CorpusConfig, present: PresentRows, clock: Callable[[], float]):
        self._config = config
        samples: list[Sample] = [s for shard in present.shards for s in shard.samples.values()]
        self._probe = Probe(config, samples, clock)
        self._speeds: dict[Kind, Speed] = {}
        self.device = device_name(config.scorer.device)

    @property
    def basis(self) -> list[str]:
        """Where the speeds are from, one line each; kinds that share one stand together."""
        found: dict[Speed, list[str]] = {}
        for kind, speed in self._speeds.items():
            found.setdefault(speed, []).append(NAMES[kind])
        return [
            f"speed of {', '.join(names)}: {speed.flops / 1e9:,.0f} GFLOP/s, "
            f"from a probe of {speed.rows:,} rows ({speed.date[:16].replace('T', ' ')} UTC)"
            for speed, names in found.items()
        ]

    def seconds(self, works: Mapping[str, Work]) -> dict[str, float]:
        """Seconds of the models by asset; the load of a model counts for the first that uses it."""
        totals: dict[Kind, float] = {}
        for work in works.values():
            for kind, flops in work.flops.items():
                if flops:
                    totals[kind] = totals.get(kind, 0.0) + flops
        loads = self._measure(totals, works)
        found = {}
        for asset, work in works.items():
            seconds = 0.0
            for kind, flops in work.flops.items():
                if flops:
                    seconds += flops / self._speeds[kind].flops
                    seconds += loads.pop("scorer" if kind in SCORER_KINDS else kind, 0.0)
            found[asset] = seconds
        return found

    def _measure(self, totals: dict[Kind, float], works: Mapping[str, Work]) -> dict[str, float]:
        """Fill in the speeds of these kinds; the seconds to load each model."""
        config, loads = self._config, {}
        for role, options in (("scorer", config.scorer), ("target", config.target_model)):
            kinds = SCORER_KINDS if role == "scorer" else ("target",)
            wanted: dict[Kind, float] = {k: totals[k] for k in kinds if k in totals}  # type: ignore[index,misc]
            if wanted:
                model, size = load_causal_lm(options), causal_lm_size(options)
                kept = KeptSpeeds(options, model.fingerprint, device_name(options.device))
                self._speeds |= self._probe.causal_lm(model, size, kept, wanted)
                loads[role] = kept.load_seconds() or 0.0
        if "embedding" in totals:
            embedder = load_embedder(config.embedder)
            device = device_name(config.embedder.device)
            kept = KeptSpeeds(config.embedder, embedder.fingerprint, device)
            rows = max(work.rows for work in works.values() if "embedding" in work.flops)
            self._speeds["embedding"] = self._probe.embedder(embedder, kept, rows)
            loads["embedding"] = kept.load_seconds() or 0.0
        return loads
