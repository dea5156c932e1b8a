"""Arguments and options of the commands, one module a group of ``nas --help``."""
