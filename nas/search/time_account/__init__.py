"""The account of a search's time: where its workers' time goes, and what a training takes."""
