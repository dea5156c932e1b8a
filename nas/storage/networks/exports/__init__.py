"""Files of a network that programs without this package can run, and reading them back."""
