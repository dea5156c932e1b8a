"""Trained networks of a run: their trainings, checkpoints, reports and saved files."""
