"""Generated Verilog made ready for yosys: faster to read, and equal modules only once."""

from __future__ import annotations

import re

from zeroskip.verilog import ToolError

_ESCAPED = re.compile(r"\\\S+")
_ZERO_MEMORY = re.compile(r"^  initial begin\n(?:    \S+\[\d+\] = \d+'h0+;\n)+  end\n", re.MULTILINE)
_MODULE = re.compile(r"^module (\\\S+ |\w+)\((.*?)\);\n(.*?)^endmodule\n", re.MULTILINE | re.DOTALL)
_INSTANCE = re.compile(r"^  (\\\S+ |\w+) (\\\S+ |\w+) \(\n((?:    \..*\n)*)  \);\n", re.MULTILINE)
_PORT = re.compile(r"^    \.(\\\S+ |\w+)", re.MULTILINE)
LARGE = 300
"""Lines of Verilog from which on a module that stands in several places is synthesised by itself."""

_DOLLAR = re.compile(r"\\\S*\$\S* ")


def prepare(text: str) -> str:
    """The same design in a form that yosys reads faster and maps without an error.

    Brackets in escaped names go, for its mapper takes ``name[0]`` for a bit of ``name``; and memories that begin as
    zeros, as block memories do anyway, lose the thousands of lines that say so.
    """
    renamed = _ESCAPED.sub(lambda match: match.group().replace("[", "<").replace("]", ">"), text)
    return _ZERO_MEMORY.sub("", renamed)


class _Sharing:
    """Walks from a module to those inside it, and gives each kind of text one name."""

    def __init__(self, text: str) -> None:
        self.modules = {match[1].strip().lstrip("\\"): (match[2], match[3]) for match in _MODULE.finditer(text)}
        self._known: dict[str, str] = {}
        self._done: dict[str, tuple[str, dict[str, str]]] = {}
        self.written: dict[str, str] = {}
        self.instances: dict[str, int] = {}
        self.inside: dict[str, list[str]] = {}

    def visit(self, name: str) -> tuple[str, dict[str, str]]:
        """The name under which a module is written, and the new names of its ports."""
        if name not in self._done:
            ports, body = self.modules[name]
            inside: list[str] = []
            body = _INSTANCE.sub(lambda match: self._instance(match, inside), body)
            names: dict[str, str] = {}
            for match in _DOLLAR.finditer(f"{ports} {body}"):
                names.setdefault(match.group(), f"\\${len(names)}$ ")
            own = _DOLLAR.sub(lambda match: names[match.group()], f"({ports} );\n{body}endmodule\n")
            own = own.replace("\0", "$")
            shared = self._known.setdefault(own, name)
            self.written.setdefault(shared, own)
            self.inside.setdefault(shared, inside)
            self._done[name] = shared, names
        return self._done[name]

    def lines(self, name: str) -> int:
        """Lines of a module and of all that is inside."""
        return self.written[name].count("\n") + sum(self.lines(inner) for inner in self.inside[name])

    def _instance(self, match: re.Match[str], inside: list[str]) -> str:
        kind = match[1].strip().lstrip("\\")
        if kind not in self.modules:
            return match.group()
        shared, names = self.visit(kind)
        inside.append(shared)
        self.instances[shared] = self.instances.get(shared, 0) + 1
        connections = _PORT.sub(lambda port: "    ." + names.get(port[1], port[1]).replace("$", "\0"), match[3])
        shared = shared.replace("$", "\0")
        return f"  \\{shared}  {match[2]} (\n{connections}  );\n"


def share_modules(text: str, top: str) -> tuple[str, list[str]]:
    """Write modules that are equal but for the names that the back end made up once.

    Returns
    -------
    tuple
        The text, and the modules whose borders are best kept during synthesis: the top's, the engine's, and below
        these the large ones that stand in several places, which then are synthesised once.

    Raises
    ------
    ToolError
        There is no module `top`.
    """
    sharing = _Sharing(text)
    if top not in sharing.modules:
        raise ToolError(f"the Verilog has no module {top}")
    sharing.visit(top)
    keep: list[str] = []

    def walk(name: str, *, part: bool) -> None:
        for inner in sharing.inside[name]:
            large = sharing.instances[inner] > 1 and sharing.lines(inner) >= LARGE
            if inner not in keep and (part or large):
                keep.append(inner)
            if not large:
                walk(inner, part=inner == f"{top}.engine")

    walk(top, part=True)
    return "\n".join(f"module \\{name} {body}" for name, body in sharing.written.items()), keep
