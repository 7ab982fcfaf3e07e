"""The Dagster resources: a causal LM, a sentence embedder, the LanceDB store. Nothing else."""
