"""The ways to a Jacobian that notebook 11 compares."""
