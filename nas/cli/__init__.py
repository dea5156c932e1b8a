"""The command line, ``nas``."""
