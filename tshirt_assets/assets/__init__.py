"""The software-defined assets: thin, one file per asset."""
