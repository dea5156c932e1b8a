"""Generated tasks: labelled images that are drawn from a seed, with nothing to download."""
