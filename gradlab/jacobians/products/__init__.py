"""Products of the steps' Jacobians: full tensors, norms, forward and backward."""
