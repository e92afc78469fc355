"""Keep what is needed to see a failure again."""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from zeroskip.files.reading import ReadError, read_json
from zeroskip.files.writing import temporary_folder, write_json, write_npz, write_text
from zeroskip.layer import Layer
from zeroskip.spec import config_file
from zeroskip.spec.config import EngineConfig, preset_name
from zeroskip.spec.config_file import ConfigFile

CONFIG = "config.json"

README = """What zerokeep kept of a simulation in which the hardware was wrong.

layer.npz     the layer with its input
program.npz   the beats of the program and of the map, and what came back (result)
outputs.npz   expected: the integer reference; found: what the hardware answered (missing where it did not)
about.json    engine, parameters, seed, stall, and what was wrong
config.json   the array, for --config

See it again: {command}
"""
_FILES = re.compile(r"(layer|program|outputs|before_\d{2,})\.npz|(about|config)\.json|README\.txt")


def keep(parent: Path, name: str, layer: Layer, streams: Mapping[str, np.ndarray], outputs: Mapping[str, np.ndarray],
         about: Mapping[str, Any], command: Callable[[Path], str], *, config: EngineConfig,
         before: Sequence[Layer] = ()) -> Path:
    """Write what shows a failure again into a folder in `parent`, whole or not at all.

    Parameters
    ----------
    parent
        Made if need be.
    name
        The folder's, ASCII; an earlier failure there is replaced. Where something else is, a number follows the name.
    layer, streams, outputs
        The layer; beats by name; arrays by name.
    about
        What `about` gave, to which the command is added.
    command
        Gives the command line that shows a failure again, for its folder.
    config
        The array.
    before
        Layers that ran before it.

    Raises
    ------
    OSError
        It cannot be written.
    """
    parent.mkdir(parents=True, exist_ok=True)
    folder = next(place for place in _places(parent, name) if not os.path.lexists(place) or _is_ours(place))
    with temporary_folder(beside=parent) as scratch, temporary_folder(beside=parent) as old:
        layer.save(scratch / "layer.npz")
        for number, earlier in enumerate(before):
            earlier.save(scratch / f"before_{number:02}.npz")
        write_npz(scratch / "program.npz", streams)
        write_npz(scratch / "outputs.npz", outputs)
        config_file.write(scratch / CONFIG, ConfigFile(engine=config))
        write_json(scratch / "about.json", {**about, "command": command(folder)})
        write_text(scratch / "README.txt", README.format(command=command(folder)))
        if os.path.lexists(folder):
            folder.rename(old / "replaced")
        scratch.rename(folder)
    return folder


def _places(parent: Path, name: str) -> Iterator[Path]:
    yield parent / name
    yield from (parent / f"{name}-{number}" for number in itertools.count(2))


def _is_ours(folder: Path) -> bool:
    """Whether a failure was kept there, and nothing else lies there."""
    try:
        if folder.is_symlink() or not all(_FILES.fullmatch(path.name) for path in folder.iterdir()):
            return False
        found = read_json(folder / "about.json")
    except (OSError, ReadError):
        return False
    return isinstance(found, dict) and found.keys() >= {"engine", "parameters", "message", "command"}


def replay_command(folder: Path, engine: str, config: EngineConfig, stall: float, seed: int) -> str:
    """The command line that simulates a kept layer again, to be pasted into a shell."""
    preset = preset_name(config)
    selection = ["--preset", preset] if preset else ["--config", argument(folder / CONFIG)]
    words = ["zerokeep", "simulate", argument(folder / "layer.npz"), "--engine", engine, *selection]
    words += ["--stall", str(stall), "--seed", str(seed)] if stall else []
    return shlex.join(words)


def argument(path: Path) -> str:
    """A path as an argument, which is never taken for an option."""
    text = os.fspath(path)
    return f"./{text}" if text.startswith("-") else text


def about(engine: str, config: Any, message: str, stall: float, seed: int) -> dict[str, Any]:
    """The description that goes with the files."""
    return {"engine": engine, "parameters": dataclasses.asdict(config), "message": message, "stall": stall,
            "seed": seed}
