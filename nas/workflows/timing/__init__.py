"""Trainings that are timed, a few steps each, and what follows for a search and its hours."""
