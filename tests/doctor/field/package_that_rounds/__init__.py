"""A package that is run by `python -m package_that_rounds.train`, with relative imports."""
