"""LanceDB tables: named, replaced as a whole, checked, compacted. Plain Python."""
