"""How fast models were on this device when they were last measured, kept in the cache folder."""

from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tshirt_assets.config import CausalLMOptions, EmbedderOptions
from tshirt_assets.models.on_demand import facts_file, keep_facts, known_facts

FOLDER = "speeds"


@dataclass(frozen=True, slots=True)
class Speed:
    """Floating-point operations a second of one way to use a model, and how they were found.

    rows: that were measured. date: of the measurement, as ISO 8601.
    """

    flops: float
    rows: int
    date: str

    @staticmethod
    def measured(flops: float, seconds: float, rows: int) -> "Speed":
        """The speed of a measurement that has just been made."""
        date = datetime.now(UTC).isoformat(timespec="seconds")
        return Speed(flops / max(seconds, 1e-9), rows, date)


class KeptSpeeds:
    """The speeds of one model on this device; a model with code of its own keeps none."""

    def __init__(self, options: CausalLMOptions | EmbedderOptions, fingerprint: str, device: str):
        facts = facts_file(options, fingerprint)
        self._file: Path | None = facts and facts.parent.parent / FOLDER / facts.name
        self._device = device

    def get(self, kind: str) -> Speed | None:
        """What was measured last; None where nothing was, on this device."""
        found = self._all().get(kind)
        try:
            return Speed(**found) if found else None
        except TypeError:  # of another version
            return None

    def keep(self, kind: str, speed: Speed) -> None:
        """Keep a measurement for later plans."""
        keep_facts(self._file, {**self._all(), "device": self._device, kind: asdict(speed)})

    def load_seconds(self) -> float | None:
        """What loading the model took last."""
        return self._all().get("load_seconds")

    def keep_load(self, seconds: float) -> None:
        """Keep what loading the model took."""
        keep_facts(self._file, {**self._all(), "device": self._device, "load_seconds": seconds})

    def _all(self) -> dict[str, Any]:
        found = known_facts(self._file) or {}
        return found if found.get("device") == self._device else {}


def present_device(device: str) -> str:
    """The device of an option, with what `auto` means on this machine."""
    from tshirt_assets.scoring.kernel.devices import torch_device

    return str(torch_device(device)) if device == "auto" else device


def device_name(device: str) -> str:
    """A device in words, by which its speeds are told from those of another one."""
    import torch

    device = present_device(device)
    if device.startswith("cuda") and torch.cuda.is_available():
        return torch.cuda.get_device_name(torch.device(device))
    threads = torch.get_num_threads()
    return f"cpu, {threads} thread{'s' * (threads != 1)}" if device == "cpu" else device
