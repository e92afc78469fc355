"""Filters only: no weight is set to zero, and the filters with the smallest L1 norm go."""

from zerokeep.criteria.criterion import Criterion
from zerokeep.criteria.l1_norm import norm

CRITERION = Criterion(name="filters-only", text="set no weight to zero, remove the filters with the smallest L1 norm",
                      rank=norm, zeros=False)
