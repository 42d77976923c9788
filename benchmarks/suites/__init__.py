"""The suites; each offers ``run(options)``, which returns a result document."""
