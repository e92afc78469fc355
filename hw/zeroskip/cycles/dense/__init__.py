"""Cycles of the dense array, by a model of its loop."""
