"""The zero-skip hardware: components, engines, packing of layers, Verilog, synthesis; the integer reference.

Knows neither PyTorch nor cocotb.
"""

import os

# The reference's many small products run fastest on one BLAS thread: on a busy machine more threads were twenty
# times slower. Only a default, and only where numpy has not been loaded yet.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
