"""Replays of samplers on tables, as table and picture."""
