"""From histone marks round a gene to its expression, and a variant's effect on it."""
