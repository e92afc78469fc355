"""Amaranth components of the accelerator; a family's cells are in ``primitives`` and nowhere else."""
