"""The ways in: each runs or records user code and hands over what it saw."""
