"""The real executable, in surroundings that lack something; and stopped in the midst of its work."""

from __future__ import annotations

from tests.attacks.case import Case, case, fifo
from tests.attacks.ingredients import layer

BAD = {"layer.npz": b"not a layer" * 9}
SLOW = {"begun": fifo, "user.py": "import time\ndef loaders():\n    open('begun', 'wb').close()\n    time.sleep(99)\n"}


def cases() -> list[Case]:
    """As few as will do: each takes seconds."""
    prune, build = "prune --data user:loaders --out out", "build --output out --seeds 1"
    return [
        case("real, predict: text", "predict layer.npz", "no zip file", BAD, real="plain"),
        case("real, no PATH", "simulate layer.npz", "no zip file", BAD, environment={"PATH": None}),
        case("real, no home", "predict layer.npz", "no zip file", BAD, environment={
            "HOME": None, "XDG_CACHE_HOME": None}),
        case("real, closed output", "predict layer.npz", "no zip file", BAD, real="closed"),
        case("real, a full disk", "--version", "No space left on device", real="full"),
        case("real, ASCII alone", "fit 数\udcff.npz", "no such file", environment={
            "PYTHONIOENCODING": "ascii", "LC_ALL": "C"}),
        case("real, a limit of nonsense", "predict layer.npz", "size must be", {"layer.npz": layer()}, environment={
            "ZEROKEEP_MEMORY_LIMIT": "nonsense"}),
        case("real, no folder for temporary files", "predict model.onnx", "model.onnx", environment={
            "TMPDIR": "/nowhere"}),
        case("real, SIGTERM in a user's loaders", prune, "stopped", SLOW, status=143, real="terminated"),
        case("real, Ctrl-C in a user's loaders", prune, "stopped", SLOW, status=130, real="interrupted"),
        case("real, SIGTERM in a tool", build, "stopped", status=143, real="terminated in a tool"),
    ]
