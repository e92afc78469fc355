"""A lane: one list at a time, P multipliers, and the way out of their sums."""
