# amaranth: UnusedElaboratable=no
"""A layer as bytes on a line: in through the UART, through the array, out again."""

import numpy as np
from tests.hw.streams import simulate
from tests.hw.test_uart import send

from zeroskip import reference
from zeroskip.array import ZeroSkipArray
from zeroskip.config import ArrayConfig
from zeroskip.layer import Layer
from zeroskip.packing import pack
from zeroskip.serial_host import TAG_LAST, TAG_MAP, SerialHost

DIVISOR = 4


def frames(beats: np.ndarray, tag: int) -> bytes:
    return b"".join(bytes([tag | (TAG_LAST if at == len(beats) - 1 else 0)]) + beat.tobytes()
                    for at, beat in enumerate(beats))


def test_a_layer_over_the_line_is_right():
    config = ArrayConfig(groups=1, lanes=1, pixels=1, output_units=1, dense_filters=1, dense_pixels=1, windows=4,
                         map_positions=8, words=1, list_entries=8)
    rng = np.random.default_rng(2)
    layer = Layer(weight=rng.integers(-128, 128, (2, 2, 1, 1)).astype(np.int8),
                  input=rng.integers(0, 256, (1, 2, 1, 3)).astype(np.uint8), bias=np.array([7, -9], np.int32))
    (program,) = pack(layer, config, "skip-both").programs
    host = SerialHost(ZeroSkipArray(config=config), divisor=DIVISOR)
    answer = bytearray()

    async def line(ctx):
        for byte in frames(program.weights, 0) + frames(program.map, TAG_MAP):
            await send(ctx, host.receive, byte, DIVISOR)

    async def listen(ctx):
        while len(answer) < 16 * program.result_beats:
            while ctx.get(host.transmit):
                await ctx.tick()
            await ctx.tick().repeat(DIVISOR + DIVISOR // 2)
            byte = 0
            for place in range(8):
                byte |= ctx.get(host.transmit) << place
                await ctx.tick().repeat(DIVISOR)
            answer.append(byte)
        assert not ctx.get(host.lost)

    simulate(host, line, listen)
    beats = np.frombuffer(bytes(answer), np.uint8).reshape(-1, 16)
    np.testing.assert_array_equal(program.decode(beats), reference.run(layer))
