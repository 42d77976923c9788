"""The work of the command line, one module a command; loaded by `gpkit.cli` when one runs."""
