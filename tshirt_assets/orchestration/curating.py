"""The job that makes a whole corpus, and the schedule that launches it."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

import dagster as dg
from dagster._utils.schedules import is_valid_cron_schedule

from tshirt_assets.config import ConfigError
from tshirt_assets.corpus.errors import CorpusError
from tshirt_assets.corpus.shards import discover_shards
from tshirt_assets.incremental.catalog import AssetRecord
from tshirt_assets.orchestration.activity import runs_at_work
from tshirt_assets.orchestration.binding import GPU_POOL, Binding
from tshirt_assets.orchestration.outcome import Canceling, Outcome, outcome_of, range_tags
from tshirt_assets.orchestration.phase_loop import add_new_shards, make_in_turn, make_phases

CURATED_BY: Final = "tshirt-assets/curated_by"
"""Tag of the runs that a run of the job starts: its id."""
INTERRUPTED: Final = "The run that started it was interrupted; run again to continue."


def build_curate_job(
    binding: Binding, definitions: Callable[[], dg.Definitions]
) -> dg.JobDefinition:
    """The job `{corpus}_curate`: all that is needed of a corpus, in one process.

    Its assets have partitions of several kinds, which Dagster does not make in one run: the op
    makes one run after the other, of the assets that `definitions()` has.
    """

    @dg.op(
        name=binding.op("curate"),
        description="Registers new shards, scores what is new or changed and selects the subsets, "
        "in runs of its own; a file that cannot be read is left out, and fails the job at the end.",
        pool=GPU_POOL,
    )
    def curate_corpus(context: dg.OpExecutionContext) -> None:
        _refuse_beside_another(context, binding)
        job = dg.Definitions.merge(
            definitions(), dg.Definitions(loggers={"console": _quiet_logger(context.instance)})
        ).resolve_implicit_global_asset_job_def()
        phases = _Phases(context, binding, job)
        levels = {"info": context.log.info, "warning": context.log.warning}

        def tell(level: str, line: str) -> None:
            levels.get(level, context.log.error)(line)

        try:
            register = partial(add_new_shards, context.instance, binding)
            success = make_phases(context.instance, binding, phases.make, tell, register)
        except KeyboardInterrupt:
            raise dg.DagsterExecutionInterruptedError from None
        except CorpusError as error:
            raise dg.Failure(str(error)) from None
        if not success:
            raise dg.Failure(f"not all of {binding.name} could be made; the log says why")

    @dg.job(
        name=f"{binding.name}_curate",
        description=f"Makes all that is needed of {binding.name}, as `tshirt-assets run` does.",
    )
    def curate() -> None:
        curate_corpus()

    return curate


def build_curate_schedule(binding: Binding, job: dg.JobDefinition) -> dg.ScheduleDefinition | None:
    """What launches the job at the times of `automation.cron`; None where there are none.

    Raises `ConfigError` for times that do not exist.
    """
    options = binding.config.automation
    if options is None or options.cron is None:
        return None
    if not is_valid_cron_schedule(options.cron):
        raise ConfigError(f"automation.cron: {options.cron!r} names no time; see crontab(5)")

    @dg.schedule(
        name=f"{binding.name}_cron",
        cron_schedule=options.cron,
        job=job,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description=f"Makes all that is needed of {binding.name}.",
    )
    def cron(context: dg.ScheduleEvaluationContext) -> dg.RunRequest | dg.SkipReason:
        registered = context.instance.get_dynamic_partitions(binding.name)
        if not discover_shards(binding.config, registered, missing_ok=True):
            return dg.SkipReason("there is no file yet; check `paths` of the corpus")
        if runs := runs_at_work(context.instance, binding):
            return dg.SkipReason(f"run {runs[0].run_id} is still at work on the corpus")
        return dg.RunRequest()

    return cron


@dataclass(frozen=True)
class _Phases:
    """Makes phases in runs of their own, in the process of the op."""

    context: dg.OpExecutionContext
    binding: Binding
    job: dg.JobDefinition

    def make(self, phase: Sequence[AssetRecord], ranges: Sequence[Sequence[str]]) -> Outcome:
        """A run for every range; what fails is logged."""
        names, started = ", ".join(record.name for record in phase), time.monotonic()
        shards = sum(map(len, ranges))
        of = f" of {shards} partition" + "s" * (shards != 1)
        self.context.log.info(f"{names}{of * bool(shards)}: begins")
        total = make_in_turn(phase, ranges, lambda keys: self._run(phase, keys))
        for reason in total.reasons:
            self.context.log.error(reason)
        for check in total.checks:
            self.context.log.warning(
                f"check {check.asset_key.path[-1]}.{check.check_name}: {check.description}"
            )
        self.context.log.info(f"{names}: {time.monotonic() - started:,.0f} s")
        return total

    def _run(self, phase: Sequence[AssetRecord], keys: Sequence[str]) -> Outcome:
        result = self.job.execute_in_process(
            instance=self.context.instance,
            asset_selection=[self.binding.key(record.name) for record in phase],
            tags={CURATED_BY: self.context.run_id, **range_tags(keys)},
            run_config={"loggers": {"console": {"config": {}}}},
            raise_on_error=False,
        )
        return outcome_of(result)


def _refuse_beside_another(context: dg.OpExecutionContext, binding: Binding) -> None:
    """Raise `dagster.Failure` where another run of the job is at work: both would do it all."""
    for run in runs_at_work(context.instance, binding):
        if run.job_name == context.run.job_name and run.run_id != context.run_id:
            raise dg.Failure(f"run {run.run_id} of this job is at work on {binding.name} already")


def _quiet_logger(instance: dg.DagsterInstance) -> dg.LoggerDefinition:
    """Prints nothing: what the runs log is kept with them."""

    @dg.logger({}, "Prints nothing.")
    def quiet(_context: dg.InitLoggerContext) -> logging.Logger:
        logger = logging.Logger("tshirt_assets.curate", logging.INFO)
        logger.addHandler(Canceling(instance, INTERRUPTED))
        return logger

    return quiet
