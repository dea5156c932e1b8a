"""The certainty of a front, and the further seeds that make it surer."""
