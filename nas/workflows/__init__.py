"""What a command does apart from printing."""
