"""What the user's source text tells: pure functions of files."""
