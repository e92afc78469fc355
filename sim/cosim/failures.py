"""Keep what is needed to see a failure again."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from zeroskip.layer import Layer, save_npz

README = """What zerokeep kept of a simulation in which the hardware was wrong.

layer.npz     the layer with its input
program.npz   the beats of the program (weights) and of the feature map (map), and what came back (result)
outputs.npz   expected: the integer reference; found: what the hardware answered (missing where it did not)
about.json    engine, parameters, seed, stall, and what was wrong

See it again: {command}
"""


def keep(folder: Path, layer: Layer, streams: dict[str, np.ndarray], outputs: dict[str, np.ndarray],
         about: dict[str, Any]) -> Path:
    """Write the files beside their place, then move them there; an earlier failure of the same name is replaced."""
    folder = Path(folder)
    folder.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        layer.save(scratch / "layer.npz")
        save_npz(scratch / "program.npz", streams)
        save_npz(scratch / "outputs.npz", outputs)
        (scratch / "about.json").write_text(json.dumps(about, indent=1, allow_nan=False) + "\n")
        (scratch / "README.txt").write_text(README.format(command=about["command"]))
        os.chmod(scratch, 0o755)
        shutil.rmtree(folder, ignore_errors=True)
        scratch.rename(folder)
    except BaseException:
        shutil.rmtree(scratch, ignore_errors=True)
        raise
    return folder


def replay_command(folder: Path, engine: str, selection: str, stall: float, seed: int) -> str:
    """The command line that simulates a kept layer again."""
    words = ["zerokeep simulate", str(folder / "layer.npz"), f"--engine {engine}", selection]
    words += [f"--stall {stall} --seed {seed}"] if stall else []
    return " ".join(words)


def about(engine: str, config: Any, message: str, stall: float, seed: int, command: str) -> dict[str, Any]:
    """The description that goes with the files."""
    return {"engine": engine, "parameters": dataclasses.asdict(config), "message": message, "stall": stall,
            "seed": seed, "command": command}
