"""The command line: one module per verb, one manner for all.

A verb is a function whose parameters are its options; it says what it found and raises what went wrong. How a result,
a warning and an error look is the business of `output` and `manners`, how a running gateway is spoken to that of
`reach`. Modules here import nothing heavy before a command runs, so that `--help` is there at once.
"""

from gateway.cli.root import main

__all__ = ["main"]
