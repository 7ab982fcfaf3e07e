"""What keeps a corpus curated when nobody clicks."""

import re
from typing import Literal, Self

from pydantic import Field, field_validator, model_validator

from tshirt_assets.config.options import Options

_CRON = re.compile(r"\S+( \S+){4}|@(hourly|daily|weekly|monthly|yearly)")


class AutomationOptions(Options):
    """What Dagster makes by itself, and when."""

    shards: Literal["missing", "by_hand"] = Field(
        default="missing",
        description="missing: a shard that has no scores of its present rows, being new or "
        "changed, is read and scored as soon as it is noticed. by_hand: only when it is asked for.",
    )
    subsets: Literal["changed", "by_hand"] = Field(
        default="changed",
        description="changed: a subset is selected again when the scores or the recipe that it was "
        "made from have changed, once no shard is left to be scored. by_hand: only when it is "
        "asked for.",
    )
    cron: str | None = Field(
        default=None,
        description="When all of it is done instead, in one run of the job `NAME_curate`: a cron "
        "expression, in UTC, such as `0 3 * * *` for every night at three.",
    )

    @field_validator("cron")
    @classmethod
    def _is_cron(cls, cron: str | None) -> str | None:
        if cron is not None and not _CRON.fullmatch(cron):
            raise ValueError(f"{cron!r} is no cron expression; write one such as '0 3 * * *'")
        return cron

    @model_validator(mode="after")
    def _check(self) -> Self:
        hands = [name for name in ("shards", "subsets") if getattr(self, name) == "by_hand"]
        if self.cron is not None and hands:
            raise ValueError(
                f"cron runs the job that makes everything, so that {hands[0]}: by_hand has no "
                "meaning beside it; leave one of them out"
            )
        if len(hands) == 2:
            raise ValueError("nothing is left to be automated; leave automation out")
        return self
