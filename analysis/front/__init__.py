"""A Pareto front: queries on it, and its table, picture and page."""
