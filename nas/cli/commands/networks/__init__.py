"""Commands that show networks, of the papers or found."""
