"""Networks beside each other: what changes from one to the next, and what that brings."""
