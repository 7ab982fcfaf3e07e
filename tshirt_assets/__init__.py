"""Curate instruction-tuning data as Dagster assets: T-SHIRT and MIWV, end to end."""

__version__ = "0.1.0"
