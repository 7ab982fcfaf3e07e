"""The row browser of a corpus: a server on this machine, and its page, over the stored tables."""
