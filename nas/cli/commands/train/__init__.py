"""Commands that train what a search chose, or any other network, and use it."""
