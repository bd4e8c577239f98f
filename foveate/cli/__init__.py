"""The command line: `main.py` holds the table of commands, each of the other files is one of them."""
