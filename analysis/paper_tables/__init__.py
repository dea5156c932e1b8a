"""Every table of the two papers beside what this project counts."""
