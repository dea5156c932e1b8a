"""What can be built, and what it costs: no search, no training, no Ray."""
