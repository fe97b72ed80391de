"""What builds the notebooks and their tables from their sources."""
