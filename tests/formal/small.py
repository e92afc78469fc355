"""The smallest engines, and a memory of which nothing is known."""

from __future__ import annotations

from typing import Any

from amaranth.hdl import Cat, Const, Fragment, Module, Signal, Value, ValueLike

from zeroskip.gateware.primitives.simple_dual_port import SimpleDualPort
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.fields import Fields

SMALLEST: dict[str, Any] = {"lanes": 1, "vector": 1, "look": 1, "banks": 4, "map_words": 4, "list_words": 16,
                            "instructions": 16, "acc_width": 20, "pool_columns": 2, "out_words": 16}


def small(**sizes: Any) -> EngineConfig:
    """The smallest engine that a configuration allows, but for `sizes`."""
    return EngineConfig(**(SMALLEST | sizes))


def below_limits(config: EngineConfig, **sizes: int) -> EngineConfig:
    """With sizes that are smaller than a configuration allows: what is proved does not hang on them."""
    for name, size in sizes.items():
        object.__setattr__(config, name, size)
    return config


def word_of(fields: Fields, **values: ValueLike) -> Value:
    """A word with these values, unsigned ones, in its fields, and zeros in the others."""
    assert values.keys() <= fields.widths.keys(), values.keys()
    return Cat(Cat(Value.cast(values.get(name, 0)), Const(0, width))[:width] for name, width in fields.widths.items())


def signal_of(m: Module, name: str) -> Signal:
    """The signal of a module that has this name."""
    statements = Fragment.get(m, None).statements
    found = [signal for domain in ("comb", "sync") for statement in statements[domain]
             for signal in statement._lhs_signals() if signal.name == name]
    assert found, name
    return found[0]


class AnyMemory(SimpleDualPort):
    """Gives in each cycle whatever `content` is: also what a memory with these rows would give."""

    def __init__(self, *, width: int, depth: int) -> None:
        super().__init__(width=width, depth=depth)
        self.content = Signal(width, name="any_row")

    def elaborate(self, platform: object) -> Module:
        """No rows."""
        m = Module()
        m.d.comb += self.read.data.eq(self.content)
        return m
