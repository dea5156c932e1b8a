"""The trainings of an ablation: which there are, what they take, and which come first."""
