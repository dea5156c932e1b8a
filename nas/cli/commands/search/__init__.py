"""Commands that search, and say where a search stands."""
