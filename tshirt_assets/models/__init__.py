"""Causal LMs and sentence embedders: found, checked, loaded once per process."""
