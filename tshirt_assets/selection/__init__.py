"""Which rows to keep: plain numpy and polars, no Dagster."""
