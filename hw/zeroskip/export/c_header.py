"""A program as a C header: its bytes, and how C packs an image for it and reads the answer."""

from __future__ import annotations

import re

from zeroskip.export.compiled import Compiled

PER_LINE = 20
"""Bytes of the program in a line."""


def symbol(name: str) -> str:
    """A name that C takes as an identifier.

    >>> symbol("vgg-small"), symbol("2nd.layer")
    ('vgg_small', 'n_2nd_layer')
    """
    found = re.sub(r"[^A-Za-z0-9_]", "_", name)
    return found if found[:1].isalpha() else f"n_{found}"


def header(compiled: Compiled, content: bytes) -> str:
    """The header, C99; `content` is the program's file.

    All names begin with the network's. Nothing in it depends on the order of bytes of the machine.
    """
    name = symbol(compiled.name)
    packets = [len(compiled.program.beats()), *map(len, compiled.program.part_beats())]
    parts = [_top(compiled, content, name, packets), _array(content, name, packets), _pack(compiled, name),
             _take(compiled, name), _result(compiled, name), f"#endif /* {name.upper()}_H */"]
    return "\n\n".join(parts) + "\n"


def _define(name: str, values: dict[str, int]) -> str:
    width = max(map(len, values))
    return "\n".join(f"#define {name.upper()}_{key.ljust(width)} {value}" for key, value in values.items())


def _top(compiled: Compiled, content: bytes, name: str, packets: list[int]) -> str:
    config, setup = compiled.config, compiled.program.setup
    layout, leaving = compiled.program.incoming.layout, compiled.program.leaving
    sizes = _define(name, {
        "BEAT_BYTES": config.banks, "PROGRAM_BEATS": len(content) // config.banks, "PROGRAM_BYTES": len(content),
        "PACKETS": len(packets),
        "INPUT_CHANNELS": layout.channels, "INPUT_ROWS": layout.rows, "INPUT_COLUMNS": layout.columns,
        "INPUT_SIGNED": int(compiled.program.incoming.signed), "INPUT_FIRST_WORD": setup["map_base"],
        "INPUT_BEATS": layout.words, "INPUT_BYTES": layout.size,
        "RESULT_CHANNELS": leaving.channels, "RESULT_ROWS": leaving.rows, "RESULT_COLUMNS": leaving.columns,
        "RESULT_WORDS": setup["result_words"], "RESULT_BYTES": setup["result_words"] * config.banks})
    later = "" if len(packets) == 1 else f"""
 *    The program is in parts: {name}_packet_beats says how many beats each packet of {name}_program has. Send the
 *    first one once, and for every image all others again, in order, while its beats go to s_axis_map. tlast ends each.
 *    A packet waits until there is room for it."""
    return f"""/*
 * {compiled.name}, compiled by zerokeep for {config.lanes} lanes of {config.vector} multipliers ({compiled.engine}).
 *
 * 1. Send the {packets[0]} beats of {name}_program to s_axis_program, once.{later}
 * 2. For each image, {name}_pack makes {layout.words} beats of its codes: send them to s_axis_map.
 * 3. A beat of m_axis_result has its word's number in tuser, and in tkeep which bytes count.
 *    {name}_take puts it in its place; after {setup['result_words']} beats {name}_result reads the answer.
 */
#ifndef {name.upper()}_H
#define {name.upper()}_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

/* Beats and words have BEAT_BYTES bytes, the first one in the lowest bits. The input lies in the map memory from
   the word INPUT_FIRST_WORD on. */
{sizes}"""


def _array(content: bytes, name: str, packets: list[int]) -> str:
    """The bytes, and where packets end."""
    lines = [",".join(map(str, content[at:at + PER_LINE])) for at in range(0, len(content), PER_LINE)]
    joined = ",\n".join(lines)
    counts = ", ".join(map(str, packets))
    return (f"static const uint8_t {name}_program[{name.upper()}_PROGRAM_BYTES] = {{\n{joined}\n}};\n"
            f"static const uint32_t {name}_packet_beats[{name.upper()}_PACKETS] = {{{counts}}};")


def _pack(compiled: Compiled, name: str) -> str:
    """Where a code of the input lies, and a whole image packed."""
    layout, upper = compiled.program.incoming.layout, name.upper()
    (py, px), kind = layout.phases, "int8_t" if compiled.program.incoming.signed else "uint8_t"
    return f"""/* Where the code of a channel, row and column lies in the bytes of an image's beats. A channel
   has {py} x {px} planes, of rows and columns that lie so far apart; bytes between codes are zeros. */
static inline size_t {name}_input_at(size_t channel, size_t row, size_t column)
{{
    const size_t plane = channel * {py * px} + row % {py} * {px} + column % {px};
    return {layout.lead} + plane * {layout.plane} + row / {py} * {layout.pitch} + column / {px};
}}

/* Pack an image: codes by channel, row and column, into INPUT_BYTES bytes of beats. */
static inline void {name}_pack(const {kind} *codes, uint8_t *beats)
{{
    memset(beats, 0, {upper}_INPUT_BYTES);
    for (size_t channel = 0; channel < {upper}_INPUT_CHANNELS; channel++)
        for (size_t row = 0; row < {upper}_INPUT_ROWS; row++)
            for (size_t column = 0; column < {upper}_INPUT_COLUMNS; column++)
                beats[{name}_input_at(channel, row, column)] = (uint8_t)*codes++;
}}"""


def _take(compiled: Compiled, name: str) -> str:
    banks, upper = compiled.config.banks, name.upper()
    return f"""/* Take a beat of the result, one of each word, in any order: bit b of keep says that its byte b
   counts. words has RESULT_BYTES bytes. */
static inline void {name}_take(uint8_t *words, size_t word, uint32_t keep, const uint8_t *beat)
{{
    for (size_t b = 0; b < {banks} && word < {upper}_RESULT_WORDS; b++)
        if (keep >> b & 1)
            words[word * {banks} + b] = beat[b];
}}"""


def _result(compiled: Compiled, name: str) -> str:
    own = compiled.program.leaving
    size = 4 if own.raw else 1
    kind = "int32_t" if own.raw else "int8_t" if own.signed else "uint8_t"
    if own.raw:
        value = """uint32_t sum = 0;
    int32_t value;
    for (int b = 3; b >= 0; b--)
        sum = sum << 8 | at[b];
    memcpy(&value, &sum, sizeof value);
    return value;"""
    elif own.signed:
        value = "return (int8_t)(at[0] < 128 ? at[0] : at[0] - 256);"
    else:
        value = "return at[0];"
    return f"""/* The answer at a channel, row and column: {'a sum, 32 bits with its sign' if own.raw else 'a code'}. */
static inline {kind} {name}_result(const uint8_t *words, size_t channel, size_t row, size_t column)
{{
    const uint8_t *at = words + channel * {own.plane * compiled.config.banks} + (row * {own.pitch} + column) * {size};
    {value}
}}"""
