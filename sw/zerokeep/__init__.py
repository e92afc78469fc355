"""zerokeep: prune a network so that its zeros pay on zero-skip hardware.

Importing the package is cheap: PyTorch is loaded by the modules that need it, when they are imported.
"""

__version__ = "0.1.0"
