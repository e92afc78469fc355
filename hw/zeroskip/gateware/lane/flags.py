"""Flags for looking ahead: which parts of the map have anything but zeros."""

from __future__ import annotations

from amaranth.hdl import Module, Mux, Signal
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.primitives.dual_port import TrueDualPort
from zeroskip.spec.config import EngineConfig


class LookAheadFlags(wiring.Component):
    """For each word of the map memory, one flag for each granule of positions: not all of it is zero.

    K looks a cycle, each at a word and the one behind it; a write takes the cycle of all of them.

    Parameters
    ----------
    config
        The engine; `look` at least 2.

    Members
    -------
    words : In(word_bits).array(K)
        The words that are looked at.
    flags, flags_next : Out(flags).array(K)
        Their flags, and those of the next words, `latency` cycles later.
    write_en : In(1), write_word : In(word_bits), write_flags : In(flags)
        What is written instead of looking.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "words": In(data.ArrayLayout(config.word_bits, config.look)),
            "flags": Out(data.ArrayLayout(config.flags, config.look)),
            "flags_next": Out(data.ArrayLayout(config.flags, config.look)),
            "write_en": In(1), "write_word": In(config.word_bits), "write_flags": In(config.flags),
        })

    @property
    def latency(self) -> int:
        """Cycles from a word to its flags."""
        return 2

    def elaborate(self, platform: object) -> Module:
        """A memory for each look: one port reads the word or writes, the other reads the next word."""
        m = Module()
        config = self._config
        for k in range(config.look):
            memory = TrueDualPort(width=config.flags, depth=config.map_words)
            m.submodules[f"look_{k}"] = memory
            following = Signal(config.word_bits, name=f"following_{k}")
            m.d.comb += [
                following.eq(self.words[k] + 1),
                memory.a.address.eq(Mux(self.write_en, self.write_word, self.words[k])),
                memory.a.write_enable.eq(self.write_en), memory.a.write_data.eq(self.write_flags),
                memory.b.address.eq(following),
                self.flags[k].eq(memory.a.read_data), self.flags_next[k].eq(memory.b.read_data),
            ]
        return m
