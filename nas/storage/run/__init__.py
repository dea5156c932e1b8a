"""A run on disk: its folder and files, its lock, and what killed processes left behind."""
