"""Models and storage: a causal LM, a sentence embedder and the LanceDB store."""
