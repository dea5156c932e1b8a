"""The quality of cheap evaluations: how they rank networks, as table and picture."""
