"""zerokeep: prune a network so that its zeros pay on zero-skip hardware.

Importing the package is cheap: PyTorch is loaded by the modules that need it, when they are imported.

It asks numpy's OpenBLAS for one thread, unless the environment says otherwise and where numpy is not loaded yet: the
integer network is many small products, which several threads make slower, on a busy machine many times slower.
"""

import os

__version__ = "0.1.0"

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
