"""What a record tells: pure functions of a trace."""
