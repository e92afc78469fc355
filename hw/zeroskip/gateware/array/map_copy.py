"""A copy of the map memory, which two lanes read."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.dual_port import TrueDualPort
from zeroskip.gateware.structs import delay, register
from zeroskip.spec.config import EngineConfig

STORED_BITS = 9
"""A code, and above it whether it is not zero."""
PORTS = 2


def write_layout(config: EngineConfig) -> data.StructLayout:
    """A word that is written into every copy, through the port `port` of its half."""
    return data.StructLayout({"valid": 1, "port": 1, "word": config.word_bits, "mask": config.banks,
                              "data": data.ArrayLayout(STORED_BITS, config.banks)})


class MapCopy(wiring.Component):
    """M banks in two halves, of two ports each: two lanes read, and a write takes the place of one of them.

    A vector begins at any position: the banks below its place in the word take the next word. A write takes one port
    of one half, by the top bit of its address; a lane that reads the other half is not disturbed.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    write : In(write_layout)
        A write; what a lane reads from this half and port beside it, is lost.
    words, next_words : In(word_bits).array(2), places : In(bank_bits).array(2)
        For each port: the word in which the vector begins, the one behind it, and the place in the word.
    data_0, data_1 : Out(9).array(M)
        What the banks gave, `latency` cycles later.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        words = data.ArrayLayout(config.word_bits, PORTS)
        banks = data.ArrayLayout(STORED_BITS, config.banks)
        super().__init__({
            "write": In(write_layout(config)),
            "words": In(words), "next_words": In(words), "places": In(data.ArrayLayout(config.bank_bits, PORTS)),
            "data_0": Out(banks), "data_1": Out(banks),
        })

    @property
    def latency(self) -> int:
        """Cycles from a vector's word to its activations."""
        return 4

    def elaborate(self, platform: object) -> Module:
        """Two words in registers, the address of each bank, the memories; the half is chosen behind them."""
        m = Module()
        config = self._config
        write = data.View(self.write.shape(), delay(m, self.write.as_value(), 1, "write"))
        content = data.View(write.data.shape(), delay(m, write.data.as_value(), 2, "content"))
        selects = [[self._select(m, write, port, half) for half in range(2)] for port in range(PORTS)]
        uppers = [[delay(m, words[port][-1], 1, f"{name}_upper_{port}")
                   for name, words in (("following", self.next_words), ("word", self.words))] for port in range(PORTS)]
        for bank in range(config.banks):
            self._bank(m, bank, content, selects, uppers)
        return m

    def _select(self, m: Module, write: data.View, port: int, half: int) -> tuple[Value, Value, Value]:
        """Of a port and half: the banks that it writes, and the word for banks from the place on, and for those below.

        Enables that are zeros unless this port and half write are so by their registers' reset, which costs no logic.
        """
        name = f"{port}_{half}"
        writes, enables = Signal(name=f"writes_{name}"), register(self._config.banks, name=f"enables_{name}")
        word, following = (register(self._config.word_bits - 1, name=f"{what}_{name}")
                           for what in ("word", "following"))
        m.d.comb += writes.eq(write.valid & (write.port == port) & (write.word[-1] == half))
        m.d.sync += [
            word.eq(Mux(writes, write.word, self.words[port])),
            following.eq(Mux(writes, write.word, self.next_words[port])), enables.eq(Mux(writes, write.mask, 0)),
        ]
        return delay(m, enables, 1, f"enables_{name}"), word, following

    def _bank(self, m: Module, bank: int, content: data.View, selects: list[list[tuple[Value, Value, Value]]],
              uppers: list[list[Value]]) -> None:
        config = self._config
        memories = [TrueDualPort(width=STORED_BITS, depth=config.map_words // 2) for _ in range(2)]
        for half, memory in enumerate(memories):
            m.submodules[f"bank_{bank}_{half}"] = memory
        for port, out in enumerate((self.data_0, self.data_1)):
            below = register(name=f"below_{bank}_{port}")
            m.d.sync += below.eq(self.places[port] > bank)
            upper = Mux(below, *uppers[port])
            for half, memory in enumerate(memories):
                enables, word, following = selects[port][half]
                own = memory.a if port == 0 else memory.b
                address = register(config.word_bits - 1, name=f"address_{bank}_{port}_{half}")
                m.d.sync += address.eq(Mux(below, following, word))
                m.d.comb += [own.address.eq(address), own.write_enable.eq(enables[bank]),
                             own.write_data.eq(content[bank])]
            upper = delay(m, upper, 3, f"upper_{bank}_{port}")
            first, second = ((memory.a if port == 0 else memory.b).read_data for memory in memories)
            m.d.comb += out[bank].eq(Mux(upper, second, first))
