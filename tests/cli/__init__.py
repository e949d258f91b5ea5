"""Tests of the command line, most of them with the installed command as a process of its own."""
