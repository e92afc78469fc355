"""Small engines, programs made by hand, and layers as programs, for the tests of the model."""

from types import SimpleNamespace

import numpy as np

from zeroskip.compiler import lower
from zeroskip.compiler.build import build
from zeroskip.compiler.program import Program
from zeroskip.compiler.strides import agreed, with_own_exit
from zeroskip.layer import Layer
from zeroskip.spec.config import EngineConfig
from zeroskip.spec.words import Op, configure, entry, header, job, step_parts, sync

ONE = EngineConfig(lanes=1, vector=4, look=2, ways=1, banks=4, map_words=64, list_words=64, instructions=64,
                   out_words=32)
TWO = EngineConfig(lanes=2, vector=8, look=2, ways=2, banks=8, map_words=1024, list_words=1024)
SINGLE = EngineConfig(lanes=3, vector=1, look=4, ways=1, banks=4, map_words=2048, list_words=1024)


def listed(config: EngineConfig, entries: list[dict[str, int]], **head: int) -> list[int]:
    """Words of a list: its header, then its entries."""
    whole, bits = header(config).pack(**head), config.list_word_bits
    words = [whole >> k * bits & (1 << bits) - 1 for k in range(config.header_words)]
    packed = [entry(config).pack(**own) for own in entries]
    for at in range(0, len(packed), config.look):
        words.append(sum(word << k * config.entry_bits for k, word in enumerate(packed[at:at + config.look])))
    return words


def by_hand(config: EngineConfig, lists: list[int], jobs: list[dict[str, int]], fields: dict[str, int], *,
            map_words: int, result_words: int) -> Program:
    """A program of one step for a single lane: place for a map, the map, jobs, and again from the start."""
    instructions = [sync(config).pack(op=Op.SYNC, release=1), sync(config).pack(op=Op.SYNC, input=1, step=1)]
    for part, names in enumerate(step_parts(config)):
        value = names.pack(**{name: value for name, value in fields.items() if name in names.widths})
        instructions.append(configure().pack(op=Op.CONFIGURE, part=part, value=value))
    instructions += [job(config).pack(op=Op.JOB, **own) for own in jobs]
    instructions.append(sync(config).pack(op=Op.SYNC, release=1, last=1, jump=1, target=1))
    setup = {"map_base": 0, "map_words": map_words, "result_words": result_words}
    return Program(config=config, lists=[lists], instructions=[instructions], tables={}, setup=setup,
                   incoming=None, leaving=None)  # type: ignore[arg-type]


def layer_program(config: EngineConfig, layer: Layer, *, look: bool):
    """A layer's program, the beats of its maps, and its steps."""
    shape, (_, filters, rows, columns) = layer.input4.shape[1:], layer.output_shape
    node = SimpleNamespace(name="layer", op="conv", inputs=("input",), layer=layer, parameters={})
    source = lower.as_map(shape, str(layer.input4.dtype))
    step = lower.convolution(node, layer, lower.as_map((filters, rows, columns), layer.output_dtype), source)
    steps, leaving = with_own_exit({"input": source}, [step], "layer")
    steps = agreed(config, {"input": source}, steps)
    program, builder = build(config, {"input": source}, steps, leaving, look=look)
    beats = np.concatenate([program.incoming.words(image) for image in layer.input4])
    return program, beats, builder.steps
