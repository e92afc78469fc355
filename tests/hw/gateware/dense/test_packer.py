# amaranth: UnusedElaboratable=no
"""What the packer refuses; what it does is proved (``tests/formal/packer.py``), and tested with the output unit."""

from __future__ import annotations

import pytest

from zeroskip.gateware.dense.packer import BeatPacker


def test_messages():
    with pytest.raises(ValueError, match=r"^pixels must be 1, 2, 4 or 8, not 3$"):
        BeatPacker(pixels=3)
