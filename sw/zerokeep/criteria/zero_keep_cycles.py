"""Zero-keep by cycles: zero-keep with the zeros set where they save the array the most cycles."""

from zerokeep.criteria.criterion import Criterion
from zerokeep.criteria.zero_keep import zeros

CRITERION = Criterion(name="zero-keep-cycles", text="zero-keep with the zeros where they save the most cycles",
                      rank=zeros, threshold="cycles")
