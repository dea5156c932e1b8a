"""Detection: boxes of objects of several classes in an image."""
