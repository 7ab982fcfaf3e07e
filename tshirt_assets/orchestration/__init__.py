"""What binds a corpus to Dagster: names, declarations, the one loop over shards, records."""
