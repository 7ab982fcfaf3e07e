"""The Dagster resource of the sentence-embedding model."""

import dagster as dg
from pydantic import Field

from tshirt_assets.config import EmbedderOptions
from tshirt_assets.models.embedder import LoadedEmbedder, load_embedder


class SentenceEmbedder(dg.ConfigurableResource):
    """Dagster resource for the embedding model; loading waits for the first use."""

    path: str = Field(description="Hub id, local folder, or package:NAME/path.")
    revision: str | None = None
    device: str = "auto"
    batch_size: int = 64
    pooling: str = "mean"
    trust_remote_code: bool = False

    def load(self) -> LoadedEmbedder:
        """The loaded model, shared with everything else in this process."""
        return load_embedder(EmbedderOptions.model_validate(self.model_dump()))
