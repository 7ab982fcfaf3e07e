"""The files of evidence beside the exports of a corpus, and the way back from them."""

import json
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Final

from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.evidence_error import EvidenceError
from tshirt_assets.evidence.evidence_tables import (
    against_table,
    auc_table,
    planted_table,
    ruled_out_table,
    shares_table,
)
from tshirt_assets.evidence.evidence_text import evidence_markdown, planted_sentence, sentences
from tshirt_assets.evidence.figures import Evidence
from tshirt_assets.evidence.plot import shares_svg
from tshirt_assets.export.escaping import one_line
from tshirt_assets.incremental.leftovers import staged_file

FOLDER: Final = "_evidence"  # no recipe's name begins like this
VALUES: Final = "evidence.json"
TABLES: Final = "evidence.md"
PLOT: Final = "evidence.svg"
PAGE: Final = "evidence.html"
STYLE: Final = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:64rem;"
    "margin:2rem auto;padding:0 1rem}div{overflow-x:auto}table{border-collapse:collapse}"
    "th,td{padding:.2rem .6rem;text-align:left;border-bottom:1px solid #8884;vertical-align:top;"
    "font-variant-numeric:tabular-nums}tbody th{font-weight:600;white-space:nowrap}"
)


def evidence_folder(config: CorpusConfig) -> Path:
    """Where the evidence of a corpus lies."""
    return Path(config.export_dir) / config.name / FOLDER


def evidence_link(config: CorpusConfig) -> Path | None:
    """The page of a corpus's evidence; None where there is none."""
    page = evidence_folder(config) / PAGE
    return page if page.is_file() else None


def write_evidence(found: Evidence, config: CorpusConfig) -> Path:
    """Write values, tables, plot and page; the folder that they are in."""
    folder = evidence_folder(config)
    folder.mkdir(parents=True, exist_ok=True)
    written = {
        VALUES: json.dumps(found.values(), indent=1, ensure_ascii=False) + "\n",
        TABLES: evidence_markdown(found),
        PLOT: shares_svg(found),
        PAGE: evidence_page(found),
    }
    for name, text in written.items():
        with staged_file(folder / name) as staged:
            staged.write_text(text, encoding="utf-8")
    return folder


def read_evidence(config: CorpusConfig) -> Evidence:
    """The stored evidence of a corpus. Raises `EvidenceError` where there is none to read."""
    file = evidence_folder(config) / VALUES
    try:
        return Evidence.of(json.loads(file.read_text(encoding="utf-8")))
    except FileNotFoundError:
        raise EvidenceError(
            f"there is no evidence for {config.name!r} yet; make it with `tshirt-assets evidence` "
            "and the path of its corpus.yaml"
        ) from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise EvidenceError(
            f"{file} cannot be read ({error}); run `tshirt-assets evidence` again"
        ) from None


def evidence_page(found: Evidence) -> str:
    """One page: what was planted, the plot, the verdicts, all tables, the limits."""
    title = f"Evidence: {found.corpus}"
    sections = {
        "What was planted": planted_table(found),
        "Corrupted share of what is selected": shares_table(found),
        f"{found.lead} less every other rule": against_table(found),
        "Chance that a corrupted row scores above one that is not (AUC)": auc_table(found),
        "What the rule IFD below 1 takes out": ruled_out_table(found),
    }
    tables = [
        f"<h2>{_text(name)}</h2><div>{table.html()}</div>" for name, table in sections.items()
    ]
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{_text(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style><body><main><h1>{_text(title)}</h1>"
        f"<p>{_text(planted_sentence(found))}. Intervals hold 95 %; fewer and more are than a "
        f"random selection, which has {found.base:.2f}.</p>{_list([*sentences(found)])}"
        f"<div>{shares_svg(found)}</div>{''.join(tables)}"
        f"<h2>What this cannot tell</h2>{_list(found.limits)}</main></body></html>\n"
    )


def _list(sentences: Sequence[str]) -> str:
    return f"<ul>{''.join(f'<li>{_text(one)}</li>' for one in sentences)}</ul>"


def _text(value: str) -> str:
    return escape(one_line(value))
