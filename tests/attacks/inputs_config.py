"""Files of a configuration for ``--config``: no JSON, unknown keys, wrong types, values out of range."""

from __future__ import annotations

import json
from typing import Any

from tests.attacks.case import Case, Content, case, fifo, folder, link_to, sparse
from tests.attacks.ingredients import layer

FILES: dict[str, Content] = {"layer.npz": layer()}
COMMANDS = ("predict layer.npz --config c.json", "simulate layer.npz --config c.json",
            "compile layer.npz --out out --config c.json", "generate --output out --config c.json",
            "synth --config c.json", "energy layer.npz --config c.json", "run --out out --config c.json",
            "build --output out --config c.json")
"""What takes such a file."""
PLAIN = {"lanes": 2, "vector": 8, "look": 2, "ways": 1, "banks": 8}


def config(**changed: Any) -> str:
    """A configuration, with other values at its top; those that are None are left out."""
    made = {"format": "zerokeep-config", "schema": 1, "engine": PLAIN} | changed
    return json.dumps({key: value for key, value in made.items() if value is not None})


def engine(**changed: Any) -> str:
    """A configuration with other parameters; those that are None are left out."""
    return config(engine={key: value for key, value in (PLAIN | changed).items() if value is not None})


PLACES: list[tuple[str, dict[str, Content], str]] = [
    ("missing", {}, "c.json: no such file"),
    ("empty", {"c.json": b""}, "no JSON"),
    ("text", {"c.json": "lanes = 4\n" * 9}, "no JSON"),
    ("a layer file", {"c.json": layer()}, "c.json"),
    ("not UTF-8", {"c.json": b'{"format": "\xff"}'}, "c.json"),
    ("100,000 brackets", {"c.json": "[" * 60_000}, "nested too deeply"),
    ("a key twice", {"c.json": config()[:-1] + ', "schema": 1}'}, "stands there twice"),
    ("NaN", {"c.json": config(schema="?").replace('"?"', "NaN")}, "no finite number"),
    ("a number of 10,000 digits", {"c.json": engine(lanes="?").replace('"?"', "9" * 10_000)}, "c.json"),
    ("1 TB of nothing", {"c.json": sparse(1 << 40)}, "at most 64.0 KB"),
    ("100 KB of blanks", {"c.json": config() + " " * 100_000}, "at most 64.0 KB"),
    ("a FIFO", {"c.json": fifo}, "found a FIFO"),
    ("a folder", {"c.json": folder}, "found a folder"),
    ("a device", {"c.json": link_to("/dev/zero")}, "found a device"),
    ("a link to itself", {"c.json": link_to("c.json")}, "cannot be read"),
]
"""Of the file as a whole."""

VALUES: list[tuple[str, str, str]] = [
    ("a list", "[1, 2]", "format: found"),
    ("a number", "3", "format: found"),
    ("null", "null", "format: found"),
    ("{}", "{}", "format: found nothing"),
    ("another format", config(format="zerokeep-program"), "format: found 'zerokeep-program'"),
    ("a format of control characters", config(format="\x1b[2J\n"), "format: found"),
    ("no schema", config(schema=None), "schema: found nothing"),
    ("another schema", config(schema=2), "schema: found 2"),
    ("a schema of true", config(schema=True), "schema: found True"),
    ("a schema of text", config(schema="1"), "schema: found '1'"),
    ("no engine", config(engine=None), "engine: found nothing"),
    ("an engine that is a list", config(engine=[4, 16]), "engine: found [4, 16]"),
    ("an engine that is text", config(engine="base"), "engine: found 'base'"),
    ("an unknown key", config(clock=100), "clock: found a key that is not known"),
    ("an unknown key of control characters", config(**{"\x1b[2J\nzerokeep: done": 1}), "a key that is not known"),
    ("an unknown parameter", engine(groups=4), "engine.groups: found a key that is not known"),
    ("a key of 50,000 letters", engine(**{"k" * 50_000: 1}), "a key that is not known"),
    ("no lanes", engine(lanes=None), "engine.lanes: found nothing"),
    ("lanes of text", engine(lanes="4"), "engine.lanes: found '4'"),
    ("lanes of true", engine(lanes=True), "engine.lanes: found True"),
    ("lanes of 4.0", engine(lanes=4.0), "engine.lanes: found 4.0"),
    ("lanes of null", config(engine=PLAIN | {"lanes": None}), "engine.lanes: found None"),
    ("lanes in a list", engine(lanes=[4]), "engine.lanes: found [4]"),
    ("no lane", engine(lanes=0), "engine.lanes must be a positive integer"),
    ("lanes below 0", engine(lanes=-4), "engine.lanes must be a positive integer"),
    ("65 lanes", engine(lanes=65), "engine.lanes must be in 1..64"),
    ("10^30 lanes", engine(lanes=10**30), "engine.lanes must be in 1..64"),
    ("10^999 lanes", engine(lanes=10**999), "engine.lanes must be in 1..64"),
    ("a vector of 3", engine(vector=3), "engine.vector must be one of"),
    ("a vector of 2^40", engine(vector=2**40), "engine.vector must be one of"),
    ("a look of 16", engine(look=16), "engine.look must be one of"),
    ("more ways than positions", engine(vector=1, ways=2), "engine.ways must be at most"),
    ("fewer banks than positions", engine(banks=4), "engine.banks must be at least the 8"),
    ("12 banks", engine(banks=12), "engine.banks must be a power of two"),
    ("a map of 2^40 words", engine(map_words=2**40), "engine.map_words must be in"),
    ("lists of 2^40 words", engine(list_words=2**40), "engine.list_words must be in"),
    ("odd sums", engine(acc_width=27), "engine.acc_width must be even"),
    ("rounding that is a number", engine(even=1), "engine.even: found 1"),
    ("a name that is a number", config(name=3), "name: found 3"),
    ("a name that is a path", config(name="../../x"), "name: found"),
    ("a name of control characters", config(name="\x1b[2J\nx"), "name: found"),
    ("a name of 41 letters", config(name="x" * 41), "name: found"),
    ("an empty name", config(name=""), "name: found ''"),
]
"""Of what it holds."""


def cases() -> list[Case]:
    """Through the verbs that take one, in turn; and beside other options."""
    found = [*PLACES, *((name, {"c.json": text}, says) for name, text, says in VALUES)]
    made = [case(f"{command.split()[0]}, --config: {name}", command, says, FILES | files)
            for number, (name, files, says) in enumerate(found)
            for command in [COMMANDS[number % len(COMMANDS)]]]
    good: dict[str, Content] = FILES | {"c.json": config()}
    made += [case(f"{command.split()[0]}, --config and --preset", f"{command} --preset tiny", "not both", good)
             for command in COMMANDS]
    odd: dict[str, Content] = FILES | {"c.json": engine(lanes=3)}
    made += [case(f"{command.split()[0]}, --config: no dense array of 24 multipliers", command,
                  "no dense array has 24 multipliers", odd)
             for command in COMMANDS if command.split()[0] not in ("compile", "energy", "build")]
    return [
        *made,
        case("energy, --config: no dense array of 24 multipliers", COMMANDS[5], "no dense array has 24", odd,
             needs="sta"),
        case("compile, --config: a map memory that holds too little", COMMANDS[2], "map_words",
             FILES | {"c.json": engine(map_words=4)}),
        case("predict, --config --multipliers", "predict layer.npz --config c.json --multipliers 4", "not both", good),
        case("predict, --config is empty", "predict layer.npz --config", "", FILES, ""),
    ]
