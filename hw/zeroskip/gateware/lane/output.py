"""The way out, third part: from sums to words of the map, as the commands say."""

from __future__ import annotations

from amaranth.hdl import Cat, Module, Mux, Signal, Value, signed
from amaranth.lib import data, memory, wiring
from amaranth.lib.wiring import In, Out

from zeroskip.gateware.lane.pacer import command_layout
from zeroskip.gateware.lane.requantiser import LATENCY as REQUANTISED
from zeroskip.gateware.lane.requantiser import Requantiser
from zeroskip.gateware.primitives.pick import pick
from zeroskip.gateware.structs import any_of, delay, register, struct_of
from zeroskip.spec.config import MULTIPLIER_BITS, SHIFT_BITS, EngineConfig
from zeroskip.spec.words import step_parts

TABLE_LATENCY = 2
"""Cycles from a code to what the table has for it."""


def result_layout(config: EngineConfig) -> data.StructLayout:
    """A word of results on its way to the memory or out."""
    return data.StructLayout({"valid": 1, "stream": 1, "word": config.word_bits, "mask": config.banks,
                              "data": data.ArrayLayout(8, config.banks)})


class Output(wiring.Component):
    """Picks sums, requantises, looks up, pools, and puts words together.

    Parameters
    ----------
    config
        The engine.
    lean
        How many of its requantisers do with one multiplier, the last ones.

    Members
    -------
    sums : In(signed(acc_width)).array(P)
        Of a vector.
    load : In(1), group : In
        D of them are picked for the next command, a cycle later.
    command : In(command_layout)
        What to do with those that were picked last, from ``Drain``.
    step : In
        The second part of the step's configuration.
    multiplier, shift : In
        Of the job of the sums that are picked.
    code : Out(8), coded : Out(1)
        A code that is to be looked up.
    found : In(8)
        What the table has for the code of two cycles before.
    result : Out(result_layout)
        Stays until `sent`.
    sent : In(1)
        The result has gone.
    busy : Out(1)
        A value is under way, or a result waits.
    overrun : Out(1)
        A result came before the one before had gone: a fault of the program.
    """

    def __init__(self, *, config: EngineConfig, lean: int = 0) -> None:
        self._config, self._lean = config, lean
        super().__init__({
            "sums": In(data.ArrayLayout(signed(config.acc_width), config.vector)),
            "load": In(1), "group": In(max(1, (config.vector // config.ways - 1).bit_length())),
            "command": In(command_layout(config)),
            "step": In(struct_of(step_parts(config)[1])),
            "multiplier": In(MULTIPLIER_BITS), "shift": In(SHIFT_BITS),
            "code": Out(8), "coded": Out(1), "found": In(8),
            "result": Out(result_layout(config)), "sent": In(1), "busy": Out(1), "overrun": Out(1),
        })

    @property
    def latency(self) -> int:
        """Cycles from a command to the result that it lets go."""
        return 1 + REQUANTISED + 2 + TABLE_LATENCY + 4

    def elaborate(self, platform: object) -> Module:
        """A pipeline that nothing stops; commands travel beside the values."""
        m = Module()
        codes, raw = self._requantise(m)
        command = self._later(m, self.command, 1 + REQUANTISED, "requantised")
        value, other, command = self._single(m, codes, raw, command)
        value, command = self._look_up(m, value, other, command)
        value, command = self._pool(m, value, command)
        wide = [delay(m, code, 2 + TABLE_LATENCY + 2, f"code_{way}") for way, code in enumerate(codes)]
        self._assemble(m, wide, value, command)
        left = Signal(range(self.latency + 1))
        with m.If(self.command.ways.any() | self.command.emit):
            m.d.sync += left.eq(self.latency)
        with m.Elif(left != 0):
            m.d.sync += left.eq(left - 1)
        m.d.comb += self.busy.eq((left != 0) | self.result.valid)
        return m

    def _later(self, m: Module, command: data.View, cycles: int, name: str) -> data.View:
        return data.View(command_layout(self._config), delay(m, command.as_value(), cycles, f"command_{name}"))

    def _requantise(self, m: Module) -> tuple[list[Value], Value]:
        """The code of each way; and a byte of the first sum that counts, as it is."""
        config, latency = self._config, REQUANTISED
        requantisers = [Requantiser(acc_width=config.acc_width, even=config.even, lean=way >= config.ways - self._lean)
                        for way in range(config.ways)]
        multiplier, shift, picked = Signal(MULTIPLIER_BITS), Signal(SHIFT_BITS), []
        loaded, group, next_multiplier, next_shift = (Signal.like(own, name=f"next_{name}") for name, own in (
            ("loaded", self.load), ("group", self.group), ("multiplier", multiplier), ("shift", shift)))
        m.d.sync += loaded.eq(self.load)
        with m.If(self.load):
            m.d.sync += [group.eq(self.group), next_multiplier.eq(self.multiplier), next_shift.eq(self.shift)]
        with m.If(loaded):
            m.d.sync += [multiplier.eq(next_multiplier), shift.eq(next_shift)]
        groups = [group == number for number in range(config.vector // config.ways)]
        for way, requantiser in enumerate(requantisers):
            m.submodules[f"requantiser_{way}"] = requantiser
            own = pick(m, [self.sums[at] for at in range(way, config.vector, config.ways)], groups, f"picked_{way}",
                       enable=loaded)
            picked.append(delay(m, own, 1, f"picked_{way}_all"))
            m.d.comb += [
                requantiser.acc.eq(own), requantiser.multiplier.eq(multiplier), requantiser.shift.eq(shift),
                requantiser.low.eq(self.step.low),
                requantiser.high.eq(self.step.high), requantiser.rounding_even.eq(self.step.even),
            ]
        return [r.result for r in requantisers], delay(m, self._byte(m, picked), latency - 2, "raw")

    def _byte(self, m: Module, sums: list[Value]) -> Value:
        """The byte that the command of two cycles ago was about, one cycle later."""
        command, sign_bits = self._later(m, self.command, 2, "picked"), 32 - self._config.acc_width
        bytes_, flags = [], []
        for way, own in enumerate(sums):
            extended = Cat(own, own[-1].replicate(sign_bits))
            for byte in range(4):
                bytes_.append(extended.word_select(byte, 8))
                flags.append(command.ways[way] & (command.byte == byte))
        return pick(m, bytes_, flags, "byte")

    def _single(self, m: Module, codes: list[Value], raw: Value, command: data.View
                ) -> tuple[Value, Value, data.View]:
        """The one value that counts; for pooling of pairs, two."""
        even = any_of([Mux(command.ways[way], code, 0) for way, code in enumerate(codes)])
        value, other = register(8), register(8)
        if len(codes) > 1:
            pairs = range(0, len(codes), 2)
            left = any_of([Mux(command.ways[way], codes[way], 0) for way in pairs])
            right = any_of([Mux(command.ways[way + 1], codes[way + 1], 0) for way in pairs])
            even = Mux(command.pair, left, even)
            m.d.sync += other.eq(right)
        m.d.sync += value.eq(Mux(self.step.mode == 3, raw, even))
        return value, other, self._later(m, command, 1, "single")

    def _greater(self, one: Value, other: Value) -> Value:
        sign = Cat(self.step.signed.replicate(1) << 7)[:8]
        return (one ^ sign) > (other ^ sign)

    def _look_up(self, m: Module, value: Value, other: Value, command: data.View) -> tuple[Value, data.View]:
        """Through the table; or the larger one of a pair."""
        m.d.comb += [self.code.eq(value), self.coded.eq(command.ways.any() & self.step.table)]
        best = register(8)
        larger = command.pair & self.step.largest & self._greater(other, value)
        m.d.sync += best.eq(Mux(larger, other, value))
        best = delay(m, best, TABLE_LATENCY - 1, "best")
        looked = register(8)
        m.d.sync += looked.eq(Mux(self.step.table, self.found, best))
        return looked, self._later(m, command, TABLE_LATENCY + 1, "looked")

    def _pool(self, m: Module, value: Value, command: data.View) -> tuple[Value, data.View]:
        """The largest, or first, of a row of the square; then of its rows, kept in a memory of LUTs."""
        config, counts = self._config, command.ways.any()
        in_row, row_best = register(8), Signal(8)
        keep = ~command.first_column & ~(self.step.largest & self._greater(value, in_row))
        m.d.comb += row_best.eq(Mux(keep, in_row, value))
        with m.If(counts):
            m.d.sync += in_row.eq(row_best)
        command = self._later(m, command, 1, "row")
        m.submodules.rows = rows = memory.Memory(shape=8, depth=config.pool_columns, init=[])
        read, write = rows.read_port(domain="comb"), rows.write_port()
        best, result = Signal(8), register(8)
        above = ~command.first_row & self.step.largest & ~self._greater(in_row, read.data)
        m.d.comb += [
            read.addr.eq(command.column), write.addr.eq(command.column), best.eq(Mux(above, read.data, in_row)),
            write.data.eq(best), write.en.eq(command.ways.any() & command.last_column),
        ]
        pooling = self.step.mode == 1
        single = delay(m, value, 1, "single_value")
        m.d.sync += result.eq(Mux(pooling, best, single))
        return result, self._later(m, command, 1, "pooled")

    def _assemble(self, m: Module, wide: list[Value], value: Value, command: data.View) -> None:
        """Bytes are put into their places; a word that is emitted goes with the bytes that it has got."""
        config = self._config
        ways_bits = (config.ways - 1).bit_length()
        lines = []
        for way, code in enumerate(wide):
            line = Signal(8, name=f"line_{way}")
            inside = Mux(command.wide, command.inside[way], self._any_inside(command))
            m.d.comb += line.eq(Mux(inside, Mux(command.wide, code, value), 0))
            lines.append(line)
        bytes_, mask = register(data.ArrayLayout(8, config.banks)), Signal(config.banks)
        puts = Signal(config.banks)
        for bank in range(config.banks):
            near = command.at[ways_bits:] == bank >> ways_bits
            exact = command.at[:ways_bits] == bank % config.ways if ways_bits else 1
            m.d.comb += puts[bank].eq(command.put & near & (command.wide | exact))
            with m.If(puts[bank]):
                m.d.sync += bytes_[bank].eq(lines[bank % config.ways])
        leaves = self._later(m, command, 1, "assembled")
        m.d.sync += mask.eq(Mux(leaves.emit, 0, mask) | puts)
        result, valid = register(result_layout(config)), Signal()
        with m.If(self.sent):
            m.d.sync += valid.eq(0)
        with m.If(leaves.emit):
            m.d.sync += [valid.eq(1), result.stream.eq(self.step.stream), result.word.eq(leaves.word),
                         result.mask.eq(mask), result.data.eq(bytes_)]
            m.d.comb += self.overrun.eq(valid & ~self.sent)
        m.d.comb += [self.result.eq(result), self.result.valid.eq(valid)]

    def _any_inside(self, command: data.View) -> Value:
        """Of a single value: whether it, or what pooling made of it, is a result."""
        return (command.inside & command.ways).any()
