"""Zeros only: no filter goes; what pruning of single weights does alone."""

from zerokeep.criteria.criterion import Criterion

CRITERION = Criterion(name="zeros-only", text="remove no filter")
