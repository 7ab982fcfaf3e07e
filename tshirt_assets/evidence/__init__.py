"""What recipes buy, measured on the user's own rows: corruptions planted into a copy of them."""
