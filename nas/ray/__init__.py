"""Execution on Ray: the only place in the search that knows it."""
