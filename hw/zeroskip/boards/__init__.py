"""Boards: what there is, the top that each gets, and the way to a bitstream."""
