"""What each recipe buys, by training: models on every selection, compared on held-out rows."""
