"""Arithmetic and memories that are a family's cells where it has them, and plain Amaranth elsewhere.

Each component has the same ports and the same behaviour, cycle by cycle, in both forms. It chooses in ``elaborate``, by
the platform (``Target``).
"""
