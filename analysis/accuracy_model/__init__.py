"""What a run's evaluations say about accuracies: a surrogate model with seed noise apart."""
