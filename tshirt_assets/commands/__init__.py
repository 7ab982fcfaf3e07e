"""What the command line does, one file a command: `cli.py` only reads its words."""
