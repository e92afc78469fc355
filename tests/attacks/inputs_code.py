"""Code of the user's, named by ``--model`` and ``--data``: whatever it raises, prints or gives."""

from __future__ import annotations

from tests.attacks.case import Case, case, fifo, folder

TINY = "prune --out out --epochs 0 --data"
GOOD = """
import torch
from torch import nn

class Net(nn.Module):
    def __init__(self, outputs=2):
        super().__init__()
        self.conv, self.out = nn.Conv2d(1, 3, 3), nn.Linear(3, outputs)
    def forward(self, x):
        return self.out(torch.relu(self.conv(x)).mean((2, 3)))

def net():
    return Net().eval()

def loader():
    return [(torch.rand(8, 1, 6, 6), torch.arange(8) % 2)]

def loaders():
    return loader(), loader()
"""

MODULES: list[tuple[str, str, str]] = [
    ("exits with 0 at import", "import sys\nsys.exit(0)", "raised SystemExit"),
    ("exits without a status at import", "raise SystemExit", "raised SystemExit"),
    ("interrupts at import", "raise KeyboardInterrupt", "raised KeyboardInterrupt"),
    ("fails at import", "1 / 0", "raised ZeroDivisionError"),
    ("does not parse", "def net(:", "raised SyntaxError"),
    ("is not UTF-8", "x = '\udcff'", "raised SyntaxError"),
    ("is nested too deeply", "(" * 100_000, "raised"),
    ("has a NUL in it", "x = '\0'", "raised"),
    ("needs what is not there", "import nowhere_at_all", "cannot import"),
    ("has no such function", "x = 3", "has no net"),
    ("has a number instead", "net = 3", "expected a function"),
    ("raises when it is asked for the function", "def __getattr__(name): raise KeyboardInterrupt", "raised"),
    ("wants an argument", "def net(x): pass", "raised TypeError"),
    ("gives a number", "def net(): return 3", "gave a int"),
    ("gives a class", "from torch import nn\ndef net(): return nn.Module", "gave a type"),
    ("exits when called", "def net(): raise SystemExit(0)", "raised SystemExit"),
    ("interrupts when called", "def net(): raise KeyboardInterrupt", "raised KeyboardInterrupt"),
    ("raises control characters", "def net(): raise ValueError('\\x1b[2J\\n\\u202ezerokeep: done')", r"\x1b[2J"),
    ("raises a million letters", "def net(): raise ValueError('x' * 10**6)", "raised ValueError"),
    ("raises what cannot be shown", "class E(Exception):\n    def __str__(self): raise E\ndef net(): raise E",
     "raised E"),
    ("raises a name of control characters", "E = type('\\x1b[2J', (Exception,), {})\ndef net(): raise E", "raised"),
    ("recurs", "def net(): return net()", "raised RecursionError"),
    ("has no memory", "def net(): raise MemoryError", "raised MemoryError"),
    ("asks for 10 TB", "import torch\ndef net(): return torch.zeros(10**13)", "raised RuntimeError"),
    ("is a generator's end", "def net(): raise StopIteration", "raised StopIteration"),
]
"""What the module of the network does; ``net`` is asked for."""

NETWORKS: list[tuple[str, str, str]] = [
    ("exits in forward", "class Bad(Net):\n    def forward(self, x): raise SystemExit(0)", "SystemExit"),
    ("interrupts in forward", "class Bad(Net):\n    def forward(self, x): raise KeyboardInterrupt",
     "KeyboardInterrupt"),
    ("recurs in forward", "class Bad(Net):\n    def forward(self, x): return self.forward(x)", "RecursionError"),
    ("asks what a number is", "class Bad(Net):\n    def forward(self, x): return x if x.sum() > 0 else -x", ""),
    ("gives a list", "class Bad(Net):\n    def forward(self, x): return [x, x]", "must give one tensor"),
    ("gives nothing", "class Bad(Net):\n    def forward(self, x): pass", "must give one tensor"),
    ("takes two", "class Bad(Net):\n    def forward(self, x, y): return x + y", ""),
    ("has no layer", "class Bad(Net):\n    def forward(self, x): return x.flatten(1)", "no convolution"),
    ("has what has no integers", "class Bad(Net):\n    def forward(self, x): return super().forward(torch.erf(x))",
     "erf"),
    ("has weights of NaN", ("class Bad(Net):\n    def __init__(self):\n        super().__init__()\n"
     "        self.conv.weight.data[:] = float('nan')"), "finite"),
    ("has one output for two classes", "class Bad(Net):\n    def __init__(self): super().__init__(1)",
     "has 1 output"),
    ("is not trained on such images", ("class Bad(Net):\n    def __init__(self):\n        super().__init__()\n"
     "        self.conv = nn.Conv2d(3, 3, 3)"), ""),
]
"""A class Bad, which is the network."""

LOADERS: list[tuple[str, str, str]] = [
    ("exits", "def loaders(): raise SystemExit(0)", "raised SystemExit"),
    ("gives a number", "def loaders(): return 3", "gave a int"),
    ("gives three", "def loaders(): return 1, 2, 3", "expected a pair"),
    ("gives numbers", "def loaders(): return 1, 2", "raised TypeError"),
    ("yields nothing", "def loaders(): return [], loader()", "yields nothing"),
    ("yields numbers", "def loaders(): return [3], loader()", "expected (images, labels)"),
    ("exits in its second batch", ("def loads():\n    yield loader()[0]\n    raise SystemExit(0)\n"
     "def loaders(): return loads(), loader()"), "raised SystemExit"),
    ("interrupts in a batch", ("def loads():\n    raise KeyboardInterrupt\n    yield\n"
     "def loaders(): return loader(), loads()"), "raised KeyboardInterrupt"),
    ("has labels below 0", "def loaders(): return [(torch.rand(8, 1, 6, 6), -torch.ones(8).long())], loader()",
     "labels of"),
    ("has a label of 2^40", "def loaders(): return [(torch.rand(8, 1, 6, 6), torch.full((8,), 2**40))], loader()",
     "classes"),
    ("has labels of floats", "def loaders(): return [(torch.rand(8, 1, 6, 6), torch.rand(8))], loader()",
     "whole numbers"),
    ("has images of NaN", ("def loaders(): return [(torch.full((8, 1, 6, 6), float('nan')), torch.arange(8) % 2)], "
     "loader()"), "not all finite"),
    ("has images of text", "def loaders(): return [(['a'], [1])], loader()", "raised"),
    ("has images of two sizes", ("def loaders(): return loader() + [(torch.rand(8, 1, 7, 7), torch.arange(8))], "
     "loader()"), "has images (1, 7, 7)"),
    ("tests on other images", "def loaders(): return loader(), [(torch.rand(8, 1, 7, 7), torch.arange(8) % 2)]",
     "but tests on"),
    ("has no image", "def loaders(): return [(torch.rand(0, 1, 6, 6), torch.arange(0))], loader()",
     "has images float32 (0, 1, 6, 6)"),
    ("never ends", ("def loads():\n    while True: yield torch.zeros(2000, 1, 100, 100), torch.zeros(2000).long()\n"
     "def loaders(): return loads(), loader()"), "the memory limit is"),
]
"""What ``loaders`` does."""

NAMES = ("user:", ":net", "user.:net", "us er:net", "user:net:net", "nowhere:net", "user:net.x", "zerokeep.cli:app",
         "os:getcwd", "../user:net", "\x1b[2J:net")


def cases() -> list[Case]:
    """Through `prune`, whose work on these networks takes a second, and `run`."""
    good = {"good.py": GOOD}
    made = [case(f"prune, a user's module: {name}", f"{TINY} good:loaders --model user:net", says,
                 good | {"user.py": text}) for name, text, says in MODULES]
    made += [case(f"prune, a user's network: {name}", f"{TINY} good:loaders --model user:Bad", says,
                  good | {"user.py": f"from good import *\n{text}"}) for name, text, says in NETWORKS]
    made += [case(f"prune, a user's loaders: {name}",
                  f"{TINY} user:loaders --model good:net{' --memory-limit 64M' if 'never' in name else ''}", says,
                  good | {"user.py": f"from good import *\n{text}"}) for name, text, says in LOADERS]
    made += [case(f"prune, --model {name!a}", f"{TINY} good:loaders --model", "", good | {"user.py": GOOD}, name)
             for name in NAMES]
    return [
        *made,
        case("run, a user's network that exits", "run --out out --data good:loaders --model user:net --images 1",
             "raised SystemExit", good | {"user.py": "raise SystemExit(0)"}),
        case("run, a user's loaders that exit", "run --out out --data user:loaders", "raised SystemExit",
             {"user.py": "def loaders(): raise SystemExit(0)"}),
        case("train, a user's loaders that exit", "train --out x --data user:loaders", "raised SystemExit",
             {"user.py": "def loaders(): raise SystemExit(0)"}),
        case("prune, a user's module is a FIFO", f"{TINY} good:loaders --model user:net", "user", good | {
            "user.py": fifo}),
        case("prune, a user's module is a folder", f"{TINY} good:loaders --model user:net", "has no net", good | {
            "user": folder}),
    ]
