"""One module per package under test; each is imported only in its own process."""
