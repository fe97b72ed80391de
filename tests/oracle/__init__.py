"""What the gradients of the scenarios are held against: finite differences in float64, and the same networks in JAX."""
