"""Zero-keep balanced: zero-keep with equally many non-zeros in every lane of the array, so that no lane waits."""

from zerokeep.criteria.criterion import Criterion
from zerokeep.criteria.zero_keep import zeros

CRITERION = Criterion(name="zero-keep-balanced", rank=zeros, balanced=True,
                      text="zero-keep with equally many non-zeros in every lane of the array")
