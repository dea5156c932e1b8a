"""What each command of ``nas`` does; :mod:`nas.cli` reads their arguments."""
