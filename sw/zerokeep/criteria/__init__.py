"""The criteria by name: one file each, behind the interface of ``criterion.py``."""

from zerokeep.criteria import (
    filters_only,
    geometric_median,
    l1_norm,
    most_zeros,
    random_filters,
    zero_keep,
    zero_keep_balanced,
    zero_keep_cycles,
    zeros_only,
)
from zerokeep.criteria.criterion import Criterion

CRITERIA: dict[str, Criterion] = {part.CRITERION.name: part.CRITERION for part in (
    zero_keep, zero_keep_balanced, zero_keep_cycles, random_filters, most_zeros, l1_norm, geometric_median, zeros_only,
    filters_only,
)}  # fmt: skip
"""In the order of the help page."""
