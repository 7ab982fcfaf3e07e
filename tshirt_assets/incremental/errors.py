"""The error of an asset whose inputs are not what it needs, and how errors name assets."""

import re

from tshirt_assets.incremental.catalog import ASSETS


class UpstreamError(RuntimeError):
    """What an asset is made from is missing, or does not fit; one line that says what to do."""


def in_words_of_assets(error: BaseException) -> str:
    """The message of an error; a table that an asset keeps for itself goes by the asset's name.

    The store knows tables only: `tiny.pilot_deltas` is `tiny.calibration` to those who read it.
    """
    message = str(error)
    for record in ASSETS.values():
        for table in record.measures:
            message = re.sub(rf"(?<=\.){table}\b", record.name, message)
    return message
