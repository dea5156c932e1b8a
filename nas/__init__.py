"""The search for architectures, in layers; ``tests/test_imports.py`` lists which imports which."""
