"""The software-defined assets: one file each, thin. Read, call, write, report."""
