"""How sure a front is, and which further seeds make it surer."""
