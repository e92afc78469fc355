"""The write bus: words of results and of maps, one a cycle, to every copy of the map or out of the array."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value
from amaranth.lib import data, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.array.map_copy import write_layout
from zeroskip.gateware.lane.lane import flags_write_layout, notice_layout
from zeroskip.gateware.lane.output import result_layout
from zeroskip.gateware.structs import any_of, delay, register
from zeroskip.spec.config import EngineConfig

FAN_IN = 4
"""Words that one level of the tree brings together: a LUT for each bit."""


def bus_layout(config: EngineConfig) -> data.StructLayout:
    """A word on the bus; `port`: through which port of the map it is written."""
    return data.StructLayout({"result": result_layout(config), "port": 1})


class WriteBus(wiring.Component):
    """Gives each lane a turn in a fixed order, one cycle in E, and what comes in all turns that are not used.

    A lane's turn is fixed, so that no lane ever waits for another one, and it is known when a word leaves. Only the
    lane whose turn it is drives its word, so that a tree of ORs brings them together.

    Parameters
    ----------
    config
        The engine.

    Members
    -------
    results : In(result_layout).array(E), sent : Out(E)
        Words of the lanes; a word is sent in the cycle of `sent`.
    map_word : In(result_layout), map_sent : Out(1)
        A word of a map that comes in.
    notice : Out(notice_layout)
        A word will be written into the map memory.
    write : Out(write_layout), flags : Out(flags_write_layout)
        The word, two cycles after its notice.
    out : Out(result_layout)
        A word for the stream, beside the notices.
    watched : Out(result_layout)
        Every word on the bus, beside the notices.
    """

    def __init__(self, *, config: EngineConfig) -> None:
        self._config = config
        super().__init__({
            "results": In(data.ArrayLayout(result_layout(config), config.lanes)), "sent": Out(config.lanes),
            "map_word": In(result_layout(config)), "map_sent": Out(1),
            "notice": Out(notice_layout()), "write": Out(write_layout(config)),
            "flags": Out(flags_write_layout(config)), "out": Out(result_layout(config)),
            "watched": Out(result_layout(config)),
        })

    @property
    def latency(self) -> int:
        """Cycles from a lane's `sent` to the notice."""
        levels, count = 1, self._config.lanes
        while count >= FAN_IN:
            levels, count = levels + 1, -(-count // FAN_IN)
        return levels + 1

    def elaborate(self, platform: object) -> Module:
        """A token, the tree, then two stages in which it is seen which bytes are zero."""
        m = Module()
        config = self._config
        layout = bus_layout(config)
        token = Signal(config.lanes, init=1)
        m.d.sync += token.eq(Cat(token[-1], token[:-1]))
        words: list[Value] = []
        for lane in range(config.lanes):
            result, word = self.results[lane], register(layout, name=f"driven_{lane}")
            sends = result.valid & token[lane]
            m.d.comb += self.sent[lane].eq(sends)
            m.d.sync += word.eq(Mux(sends, Cat(result, 1 - lane % 2), 0))
            words.append(word.as_value())
        level = 0
        while len(words) >= FAN_IN:
            groups = [words[i:i + FAN_IN] for i in range(0, len(words), FAN_IN)]
            words = [delay(m, any_of(group), 1, f"level_{level}_{i}") for i, group in enumerate(groups)]
            level += 1
        taken = Cat(data.View(layout, word).result.valid for word in words).any()
        m.d.comb += self.map_sent.eq(self.map_word.valid & ~taken)
        coming = Mux(self.map_sent, Cat(self.map_word, 1), 0)
        bus = register(layout, name="bus_word")
        m.d.sync += bus.eq(any_of([*words, coming]))
        self._distribute(m, bus)
        return m

    def _distribute(self, m: Module, bus: data.View) -> None:
        config, result = self._config, bus.result
        stored = result.valid & ~result.stream
        m.d.comb += [
            self.watched.eq(result), self.out.eq(result), self.out.valid.eq(result.valid & result.stream),
            self.notice.valid.eq(stored), self.notice.port.eq(bus.port), self.notice.half.eq(result.word[-1]),
        ]
        seen = register(write_layout(config))
        m.d.sync += [seen.valid.eq(stored), seen.port.eq(bus.port), seen.word.eq(result.word),
                     seen.mask.eq(result.mask)]
        for bank in range(config.banks):
            byte = result.data[bank]
            m.d.sync += seen.data[bank].eq(Cat(byte, byte.any()))
        m.d.comb += self.write.eq(delay(m, seen.as_value(), 1, "write"))
        some = Cat(seen.data[bank][-1] for bank in range(config.banks))
        granules = [some[i * config.granule:(i + 1) * config.granule].any() for i in range(config.flags)]
        flags = Cat(seen.valid, seen.word, Cat(granules) | ~seen.mask.all().replicate(config.flags))
        m.d.comb += self.flags.eq(delay(m, flags, 1, "flags"))
