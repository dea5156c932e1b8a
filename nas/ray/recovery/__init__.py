"""Recovery: why workers die, what is waited for then, and how what ran begins again."""
