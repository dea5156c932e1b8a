"""The ends of a search before all is done: its budget, and an hour that no longer pays."""
