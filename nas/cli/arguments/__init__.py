"""Arguments and options of the commands, one module a group of ``nas --help``.

May import no heavy package outside of a command: a command imports its module when it runs.
"""
