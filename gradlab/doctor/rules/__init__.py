"""Why a gradient is missing, zero, not finite or wrong: one file a family of causes."""
