"""Runs a program on an engine in Amaranth's own simulator: small ones, for it takes a millisecond a cycle."""

import numpy as np
from amaranth.sim import Simulator

from zeroskip.compiler.program import Program
from zeroskip.gateware.array.engine import Engine

PATIENCE = 20_000
"""Cycles without a beat after which it is given up."""


class Halted(Exception):
    """Nothing moved for a long time, or a program asked for too much."""


def run_program(program: Program, maps: list[np.ndarray], *, stall: float = 0.0, seed: int = 0) -> list[np.ndarray]:
    """The results of maps (channels, rows, columns) that come one after the other; streams pause with `stall`."""
    engine = Engine(config=program.config)
    simulator = Simulator(engine)
    simulator.add_clock(1e-6)
    beats = [int.from_bytes(beat.tobytes(), "little") for beat in program.beats()]
    words = [int.from_bytes(word.tobytes(), "little") for own in maps for word in program.incoming.words(own)]
    wanted, taken = program.setup["result_words"] * len(maps), []
    quiet = [0]

    async def send(ctx, stream, payloads, last):
        rng = np.random.default_rng([seed, last])
        for number, payload in enumerate(payloads):
            while rng.random() < stall:
                await ctx.tick()
            ctx.set(stream.valid, 1)
            ctx.set(stream.payload, {"data": payload, "last": number == len(payloads) - 1} if last else payload)
            *_, ready = await ctx.tick().sample(stream.ready)
            while not ready:
                *_, ready = await ctx.tick().sample(stream.ready)
            ctx.set(stream.valid, 0)
            quiet[0] = 0

    async def send_program(ctx):
        await send(ctx, engine.program, beats, True)

    async def send_maps(ctx):
        await send(ctx, engine.maps, words, False)

    async def take(ctx):
        rng = np.random.default_rng([seed, 2])
        while len(taken) < wanted:
            ctx.set(engine.results.ready, int(rng.random() >= stall))
            *_, valid, ready, payload, overrun = await ctx.tick().sample(
                engine.results.valid, engine.results.ready, engine.results.payload, engine.overrun)
            quiet[0] += 1
            if overrun or quiet[0] > PATIENCE:
                raise Halted(f"overrun {overrun}, {len(taken)} of {wanted} words came")
            if valid and ready:
                taken.append(payload)
                quiet[0] = 0

    simulator.add_testbench(send_program, background=True)
    simulator.add_testbench(send_maps, background=True)
    simulator.add_testbench(take)
    simulator.run()
    return [assembled(program, taken[i * wanted // len(maps):(i + 1) * wanted // len(maps)]) for i in range(len(maps))]


def assembled(program: Program, beats: list) -> np.ndarray:
    """The map of one image's words, which come in any order and may have only some of their bytes."""
    banks = program.config.banks
    words = np.zeros((program.setup["result_words"], banks), np.uint8)
    for beat in beats:
        own = np.frombuffer(int(beat.data).to_bytes(banks, "little"), np.uint8)
        kept = [bool(int(beat.keep) >> bank & 1) for bank in range(banks)]
        words[int(beat.word)][kept] = own[kept]
    assert int(beats[-1].last) and not any(int(beat.last) for beat in beats[:-1])
    return program.leaving.values(words)
