"""Normalisation: groups of images that share statistics, and statistics for an evaluation."""
