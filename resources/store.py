"""The Dagster resource of the store."""

from collections.abc import Mapping

import dagster as dg
from pydantic import Field

from tshirt_assets.store.store import Store


class LanceStore(dg.ConfigurableResource):
    """Lance tables in a folder or an object store, shared by the assets of all corpora.

    Credentials do not belong in `storage_options` as they are: write `${NAME}`, which is read
    from the environment when the store is opened, or `dg.EnvVar("NAME")`. Otherwise Dagster
    shows them as configuration in its UI.
    """

    uri: str = Field(description="Folder, created when missing, or s3://bucket/prefix.")
    storage_options: Mapping[str, str] = Field(
        default_factory=dict,
        repr=False,
        description="Options of the object store, such as region, endpoint, aws_access_key_id.",
    )

    def open(self) -> Store:
        """The store; connects on first use."""
        return Store(self.uri, self.storage_options)
