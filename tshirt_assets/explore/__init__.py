"""The row browser: every row of a corpus in a page, over the tables that are stored."""
