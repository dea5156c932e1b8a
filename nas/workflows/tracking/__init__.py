"""Trackers: what follows a search's trials, such as TensorBoard."""
