"""From files to canonical rows, prompts and shards."""
