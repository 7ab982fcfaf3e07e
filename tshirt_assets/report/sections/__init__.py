"""The sections of the report's page, one file each, in the order of `SECTIONS`."""
