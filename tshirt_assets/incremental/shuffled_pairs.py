"""The vectors by which the relevance of a corpus's rows is held to that of shuffled pairs."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from tshirt_assets.incremental.dataset import Dataset
from tshirt_assets.incremental.errors import UpstreamError
from tshirt_assets.incremental.identity import identity_hash
from tshirt_assets.store.frames import to_frame, with_ids

if TYPE_CHECKING:
    from tshirt_assets.selection.relevance import Pairings
