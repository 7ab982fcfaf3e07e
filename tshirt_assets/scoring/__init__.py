"""Token losses and what is computed from them: plain torch and numpy, no Dagster."""
