"""Commands that answer questions about runs."""
