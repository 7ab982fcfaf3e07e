"""The files of evidence beside the exports of a corpus, and the way back from them."""

import json
from html import escape
from pathlib import Path
from typing import Final

from tshirt_assets.config import CorpusConfig
from tshirt_assets.evidence.errors import EvidenceError
from tshirt_assets.evidence.plot import shares_svg
from tshirt_assets.evidence.results import Evidence
from tshirt_assets.evidence.tables import evidence_markdown
from tshirt_assets.export.escaping import visible
from tshirt_assets.incremental.leftovers import staged_file

FOLDER: Final = "_evidence"  # no recipe's name begins like this
VALUES: Final = "evidence.json"
TABLES: Final = "evidence.md"
PLOT: Final = "evidence.svg"
PAGE: Final = "evidence.html"
STYLE: Final = (
    ":root{color-scheme:light dark}body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;"
    "margin:2rem auto;padding:0 1rem}svg{max-width:100%;height:auto}pre{overflow-x:auto}"
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
    """One page: the plot, then all tables as they are in the Markdown file."""
    title = f"Evidence: {found.corpus}"
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<style>{STYLE}</style><body><h1>{escape(title)}</h1>{shares_svg(found)}"
        f"<pre>{escape(visible(evidence_markdown(found)))}</pre></body></html>\n"
    )
