"""Evidence for the sample corpus, and for real rows where there are some: docs/evidence.md.

    make evidence                              # the sample corpus: minutes on two idle cores
    make evidence EVIDENCE_ROWS=folder         # and the corpus of folder/corpus.yaml
    make evidence EVIDENCE="--rows 200"        # fewer rows of each; says so
    make evidence EVIDENCE="--base MODEL"      # and IFD by a base model: a path, or a hub id

Everything that is run is on the page, with the hypotheses of `evidence_hypotheses`, which were
there before. Running it again reuses all scores.
"""

import argparse
import resource
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dagster import DagsterInstance

from tests.benchmarks.evidence_hypotheses import HYPOTHESES
from tshirt_assets.commands.instance import open_instance
from tshirt_assets.commands.proving import make_evidence, scored_copies
from tshirt_assets.config import CausalLMOptions, CorpusConfig, Recipe
from tshirt_assets.evidence.asked import EvidenceOptions
from tshirt_assets.evidence.evidence_tables import (
    against_table,
    auc_table,
    planted_table,
    ruled_out_table,
    shares_table,
)
from tshirt_assets.evidence.evidence_text import planted_sentence, sentences
from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.measure import measure
from tshirt_assets.evidence.planted_copy import rules_of
from tshirt_assets.evidence.plot import shares_svg
from tshirt_assets.evidence.strata import by_length, only

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "evidence.md"
IMAGES = ROOT / "docs" / "images"
BEGIN, END = "<!-- figures: make evidence -->\n", "<!-- end of figures -->\n"
SAMPLED_ROWS = 150
GUARD = 0.95  # of the shuffled pairs have a lower relevance
SAMPLED = {
    "tshirt-sampled": Recipe(method="tshirt", budget=0.05, estimator="sampled"),
    "tshirt": Recipe(method="tshirt", budget=0.05, estimator="analytic"),
}


@dataclass(frozen=True)
class Trial:
    """A corpus with its title, the name of its plot, what it is run with, whether hypotheses are
    about it, and whether its short and long rows are looked at apart."""

    title: str
    image: str
    config: CorpusConfig
    options: EvidenceOptions
    judged: bool = True
    in_strata: bool = False


def trials(asked: argparse.Namespace) -> Iterator[Trial]:
    """The corpora of the page."""
    sample = CorpusConfig.from_yaml(ROOT / "data" / "corpus.yaml")
    options = EvidenceOptions(rows=asked.rows, seeds=asked.seeds)
    few = EvidenceOptions(rows=min(asked.rows, SAMPLED_ROWS), seed=100)
    yield Trial("The sample corpus", "sample", guarded(sample), options)
    if not asked.no_sampled:
        config = sample.model_copy(
            update={
                "recipes": SAMPLED,
                "robustness": sample.robustness.model_copy(update={"neighbours": 10}),
            }
        )
        yield Trial("Sampled against analytic", "sample_sampled", config, few, judged=False)
    if asked.base:
        update = {
            "name": f"{sample.name}_base",
            "scorer": CausalLMOptions(path=asked.base),
            "recipes": {"ifd": Recipe(method="ifd", budget=0.05)},
        }
        config = sample.model_copy(update=update)
        yield Trial("IFD by a base model", "sample_base", config, few, judged=False)
    if asked.folder:
        real = guarded(CorpusConfig.from_yaml(asked.folder / "corpus.yaml"))
        yield Trial("Real rows", "real", real, options, in_strata=True)


def guarded(config: CorpusConfig) -> CorpusConfig:
    """The corpus with each of its recipes that scores decide once more, behind the guard."""
    if "min_relevance" not in Recipe.model_fields:
        return config
    more = {
        f"{rule}-guarded": config.recipes[name].model_copy(update={"min_relevance": GUARD})
        for name, rule in rules_of(config.recipes).items()
        if config.recipes[name].method in ("tshirt", "miwv", "ifd", "longest")
    }
    return config.model_copy(update={"recipes": {**config.recipes, **more}})


def section(trial: Trial, found: Evidence, seconds: float) -> str:
    """The section of a corpus on the page; its plot is written beside it."""
    image = IMAGES / f"evidence_{trial.image}.svg"
    image.write_text(shares_svg(found) + "\n", encoding="utf-8")
    parts = [
        f"### {trial.title}",
        f"{planted_sentence(found)}. Seconds of CPU for what was not stored yet: {seconds:,.0f}.",
        planted_table(found).markdown(),
        f"![Corrupted share of every selection, at each budget](images/{image.name})",
        "Corrupted share of what is selected; `fewer` and `more` are than random:",
        shares_table(found).markdown(),
        "\n".join(f"- {sentence}" for sentence in sentences(found)),
        f"Corrupted share of `{found.lead}` less that of another rule (below 0: fewer):",
        against_table(found).markdown(),
        "AUC, the chance that a corrupted row scores above one that is not:",
        auc_table(found).markdown(),
        "Share of rows with an IFD of 1 or above, which the filter takes out:",
        ruled_out_table(found).markdown(),
        "\n".join(f"- {sentence}" for sentence in found.limits),
    ]
    return "\n\n".join(parts) + "\n"


def strata(trial: Trial, instance: DagsterInstance) -> Iterator[str]:
    """The shares and chances of the short and of the long rows, from what is stored by now."""
    rows, copies = scored_copies(instance, trial.config, trial.options)
    for name, half in by_length(rows).items():
        found = measure(trial.config, trial.options, half, [only(copy, half) for copy in copies])
        yield (
            f"#### The {name} rows of them\n\n{found.rows} rows, {found.base:.0%} of them "
            "corrupted. Of what is selected from all rows, the corrupted share among those of this "
            "length:\n\n"
            f"{shares_table(found).markdown()}\n\nAUC among the rows of this length:\n\n"
            f"{auc_table(found).markdown()}\n"
        )


def hypotheses(found: Sequence[tuple[Trial, Evidence]]) -> str:
    """The hypotheses, and what became of them in each corpus."""
    judged = [(trial, one) for trial, one in found if trial.judged]
    head = ["hypothesis", *(trial.title for trial, _ in judged)]
    rows = [[one.text, *(one.outcome(figures) for _, figures in judged)] for one in HYPOTHESES]
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) + "\n"


def main() -> None:
    """Run all trials and write the page's figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", nargs="?", type=Path, help="of real rows and a corpus.yaml")
    parser.add_argument("--rows", type=int, default=2_000, help="most rows of a copy")
    parser.add_argument("--seeds", type=int, default=1, help="copies of each corpus")
    parser.add_argument("--no-sampled", action="store_true", help="leave the sampled trial out")
    parser.add_argument("--base", help="a base model: IFD by it of the rows of the sampled trial")
    asked = parser.parse_args()
    found, sections = [], []
    for trial in trials(asked):
        before = _cpu()
        with open_instance(trial.config) as instance:
            figures, _ = make_evidence(instance, trial.config, trial.options)
            sections.append(section(trial, figures, _cpu() - before))
            if trial.in_strata:
                sections += strata(trial, instance)
        found.append((trial, figures))
        _write("\n".join([hypotheses(found), *sections]))


def _write(figures: str) -> None:
    """Put the figures between the page's marks; all else on it is written by hand."""
    before, rest = PAGE.read_text(encoding="utf-8").split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n{figures}\n{END}{after}", encoding="utf-8")


def _cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
