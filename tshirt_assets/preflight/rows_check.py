"""Files and the shapes of their rows, by the first rows of each."""

from collections.abc import Iterator

from tshirt_assets.config.messages import did_you_mean
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import keyed_files
from tshirt_assets.corpus.status import EXPLANATIONS, Status
from tshirt_assets.preflight.file_sample import FileSample
from tshirt_assets.preflight.finding import Finding, Severity
from tshirt_assets.preflight.inspection import Inspection

MOST_FIELDS = 12  # that a line names


def row_findings(inspection: Inspection) -> Iterator[Finding]:
    """One line per file; an error of the corpus where no file has a usable row."""
    config, samples = inspection.config, inspection.samples
    if config.source_asset is not None:
        yield Finding("ok", "source_asset", f"{config.source_asset} is looked at when it is read")
        return
    _, faults = inspection.listed
    yield from faults
    try:
        if not faults:
            keyed_files(config, missing_ok=True)
    except CorpusError as error:
        yield Finding("error", "paths", str(error))
    for sample in samples:
        yield _of_file(sample, config.max_bad_share, config.on_incomplete == "fail")
    if samples and not any(sample.usable for sample in samples):
        yield Finding("error", "paths", f"no file of {config.name} has a row that can be used")
    yield from _absent_columns(inspection)


def _of_file(sample: FileSample, max_bad_share: float, incomplete_fails: bool) -> Finding:
    if sample.fault is not None:
        return Finding("error", sample.path, sample.fault, in_part=True)
    if not sample.rows:
        return Finding("warning", sample.path, f"{sample.format}, has no rows")
    if not sample.bad:
        return Finding("ok", sample.path, f"{sample.format}, rows seen: {sample.rows}, all usable")
    counts = f"{sample.format}, rows seen: {sample.rows}, not usable: {sample.bad}"
    assert sample.first is not None
    status, detail = sample.first.status, sample.first.status_detail
    problem = f"{counts} (first: row {sample.first.row + 1}: {status}: {detail})"
    if not sample.usable:
        return Finding("error", sample.path, problem, _remedy(sample), in_part=True)
    severity: Severity = "warning" if sample.bad > max_bad_share * sample.rows else "ok"
    if sample.ends_early and incomplete_fails:
        severity = "error"
    remedy = "" if severity == "ok" else EXPLANATIONS[status].rstrip(".").lower()
    if severity == "error":
        remedy = "put the whole file in its place, or set on_incomplete to keep"
    return Finding(severity, sample.path, problem, remedy, in_part=severity == "error")


def _remedy(sample: FileSample) -> str:
    """What to set so that rows can be used."""
    assert sample.first is not None
    if sample.first.status is not Status.MISSING_FIELD:
        return "correct the rows, or set `format` and `columns` to what they are"
    return (
        f"fields found: {_listed(sample.fields)}; set columns.instruction and columns.response, "
        "or columns.messages, to the names that yours have"
    )


def _listed(fields: dict[str, None]) -> str:
    names = list(fields)
    more = f" and {len(names) - MOST_FIELDS} more" if len(names) > MOST_FIELDS else ""
    return (", ".join(names[:MOST_FIELDS]) or "none") + more


def _absent_columns(inspection: Inspection) -> Iterator[Finding]:
    """Columns that the configuration names and no row seen has."""
    fields = {name: None for sample in inspection.samples for name in sample.fields}
    for option, name in inspection.config.columns.model_dump(exclude_none=True).items():
        if fields and name not in fields:
            problem = f"no row seen has a field {name!r}{did_you_mean(name, fields)}"
            yield Finding(
                "warning", f"columns.{option}", problem, f"fields found: {_listed(fields)}"
            )
