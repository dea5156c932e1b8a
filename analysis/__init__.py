"""Reading the results of a search: fronts and queries, tables, plots."""
