"""The report of a run, or of several: sections, each a function from runs to what it shows."""
