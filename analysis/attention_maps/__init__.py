"""The maps of attention heads, and their picture."""
