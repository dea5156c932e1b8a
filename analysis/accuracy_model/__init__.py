"""A surrogate model of a run's accuracies, with the noise between seeds apart."""
