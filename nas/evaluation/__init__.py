"""Train one candidate: what a worker does, and what the driver and a worker tell each other."""
