"""The main job: prune, quantise, generate, simulate, synthesise; :mod:`zerokeep.report` makes the report of it."""

from __future__ import annotations

import contextlib
import importlib.metadata
import shlex
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from zerokeep.errors import UserError, check_count
from zerokeep.recipe import Recipe
from zerokeep.run_files import data_digest, model_is_whole, verilog_is_whole
from zerokeep.run_steps import Result, Say, Show, Step, output_errors, run_steps, source_digest
from zeroskip.files.cache import default_cache
from zeroskip.files.ledger import check as check_ledger
from zeroskip.files.ledger import claim
from zeroskip.files.workplace import workplace
from zeroskip.files.writing import write_bytes
from zeroskip.spec import config_file
from zeroskip.spec.config import PRESETS, EngineConfig, preset_name
from zeroskip.spec.config_file import ConfigFile
from zeroskip.spec.dense import dense_of

if TYPE_CHECKING:
    from cosim.simulate import Options as SimulationOptions
    from zerokeep.dataset import DataSet

KINDS = {"dense": ("dense",), "dense-gate": ("gate",), "zero-skip": ("skip-weights", "skip-both")}
"""The engines that each kind of hardware runs."""
UNPRUNED = "unpruned"
"""What the folder and the steps of the network with nothing removed are called."""
WHOLE = "network"
"""The step that runs the pruned network as one program."""
BREAK_EVEN = "break-even"
"""The step that predicts cycles over the density of zeros."""
CONFIG = "config.json"
"""The array, where it is no preset."""
RUN = "run"
"""The step that notes what was asked for."""
PICTURED = "skip-both"
"""The engine whose program the report shows."""
DEFAULT_IMAGES = 4
OUTPUTS = ("report.json", "report.html", "base.safetensors", "steps", "verilog", "failures", "model", UNPRUNED, CONFIG)
"""What a run writes into its folder."""


@dataclass(frozen=True, kw_only=True)
class RunOptions:
    """What to do.

    Parameters
    ----------
    out
        The output folder; steps that were finished there are not done again.
    config
        The array.
    model
        A network with shipped weights, a file of weights or a user's factory; with `train_epochs` a network to train.
    train_epochs
        Train the base network from nothing, so many epochs, instead of loading it; ``None``: load it.
    recipe
        How to prune; its seed is that of everything.
    data
        Folder of the data set or a user's loaders; ``None`` for what is installed, else what is shipped.
    images
        Test images to simulate.
    simulator
        ``"verilator"`` or ``"icarus"``.
    cache
        Folder for Verilog and simulators built before.
    workers
        Steps at a time.
    fresh
        Prune although what the recipe makes of the network ships.
    """

    out: Path
    config: EngineConfig = PRESETS["base"]
    model: str = "vgg-small"
    train_epochs: int | None = None
    recipe: Recipe = field(default_factory=Recipe)
    data: str | None = None
    images: int = DEFAULT_IMAGES
    simulator: str = "verilator"
    cache: Path = field(default_factory=default_cache)
    workers: int = 2
    fresh: bool = False


class Run:
    """One run of the main job: everything is checked here, before any work.

    Raises
    ------
    UserError
        An option is wrong, the data or the model is missing, or the output folder cannot be written.
    ToolError
        The simulator is not installed.
    """

    def __init__(self, options: RunOptions) -> None:
        from cosim import simulate as simulation
        from zerokeep.cli_common import as_user_error, writable, writing
        from zerokeep.user_code import open_data

        self.options, self.config, self.preset = options, options.config, preset_name(options.config)
        with writing(options.out):
            check_ledger(options.out, OUTPUTS, alone=True)
        writable(options.out / "report.json")
        check_count("--images", options.images, 1)
        check_count("--workers", options.workers, 1)
        with as_user_error(ValueError):
            dense_of(options.config)
            simulation.check_options(self._simulation())
        simulation.find_simulator(options.simulator)
        if options.train_epochs is not None:
            check_count("--train-epochs", options.train_epochs, 1)
        self.data: DataSet = open_data(options.data)
        if options.images > len(self.data.test_images):
            raise UserError(f"--images {options.images} is more than the {len(self.data.test_images)} test images")
        self._base_inputs = self._check_base()
        with writing(options.out):
            claim(options.out, OUTPUTS, alone=True)

    def _check_base(self) -> dict[str, object]:
        """What the base network depends on; it is loaded once here, so that a damaged one is seen early."""
        from zerokeep.models import MODELS, build
        from zerokeep.shipped import weights_digest
        from zerokeep.user_code import open_model

        options = self.options
        if options.train_epochs is not None:
            build(options.model)
            self.data = self.data.fitted(MODELS[options.model].input_shape)
            return {"train": options.model, "epochs": options.train_epochs, "seed": options.recipe.seed}
        base = open_model(options.model)
        self.data = self.data.fitted(base.input_shape or self.data.shape)
        return {"weights": weights_digest(base.module)}

    def _simulation(self, part: str = "", workers: int = 1) -> SimulationOptions:
        from cosim.simulate import Options

        options = self.options
        return Options(seed=options.recipe.seed, simulator=options.simulator, cache=options.cache,
                       keep=options.out / "failures" / part, workers=workers)

    def steps(self) -> list[Step]:
        """Every step, in the order of importance: pruning takes longest, so it goes first."""
        data = {"data": self.data.name, "arrays": data_digest(self.data)}
        software = source_digest("zerokeep")
        hardware = {"config": asdict(self.config), "sources": source_digest("zeroskip", "cosim"),
                    "simulator": self.options.simulator}
        network = {"base": self._base_inputs, "software": software, **data}
        folder = self.options.out
        found = [
            Step(name=RUN, title="Note what is asked for", action=self._note, inputs=self._asked()),
            Step(name="prune", title="Prune, fine-tune, quantise", action=partial(self._prune, "model"),
                 inputs={"recipe": self._resolved(), "fresh": self.options.fresh, **network},
                 whole=partial(model_is_whole, folder / "model")),
        ]
        for kind in reversed(KINDS):  # the one that takes longest first
            found += [
                Step(name=f"verilog-{kind}", title=f"Verilog and simulator: {kind}", inputs=hardware,
                     action=partial(self._generate, kind), whole=partial(verilog_is_whole, folder / "verilog")),
                Step(name=f"synth-{kind}", title=f"Synthesise {kind}", inputs={"sources": hardware["sources"]},
                     after=(f"verilog-{kind}",), action=partial(self._synthesise, kind)),
            ]
        found.append(Step(name=BREAK_EVEN, title="Predict cycles over the density of zeros", inputs=hardware,
                          action=self._break_even))
        unpruned = asdict(Recipe.unpruned(self.options.recipe.seed))
        found.append(Step(name=UNPRUNED, title="Quantise the unpruned network", inputs={"recipe": unpruned, **network},
                          action=partial(self._prune, UNPRUNED), waits_for=("prune",),
                          whole=partial(model_is_whole, folder / UNPRUNED)))
        asked = hardware | {"images": self.options.images, "seed": self.options.recipe.seed, **data}
        for model, kind, step in [*(("model", kind, "prune") for kind in KINDS), (UNPRUNED, "dense", UNPRUNED)]:
            name = kind if model == "model" else f"{UNPRUNED}-{kind}"
            title = f"Simulate {' and '.join(KINDS[kind])}" + (" on the unpruned network" if model == UNPRUNED else "")
            found.append(Step(name=f"simulate-{name}", title=title, inputs=asked, after=(step, f"verilog-{kind}"),
                              action=partial(self._simulate, model, kind)))
        found.append(Step(name=WHOLE, title="Run the whole network as one program", inputs=asked,
                          after=("prune", "verilog-zero-skip"), action=self._whole))
        return found

    def _asked(self) -> dict[str, object]:
        options = self.options
        return {
            "model": options.model, "train_epochs": options.train_epochs, "recipe": self._resolved(),
            "preset": self.preset, "multipliers": self.config.multipliers, "parameters": asdict(self.config),
            "images": options.images, "seed": options.recipe.seed, "simulator": options.simulator,
            "data": None if options.data is None else str(options.data), "command": self.command(),
        }

    def _resolved(self) -> dict[str, object]:
        return self.options.recipe.as_dict(len(self.data.train_images))

    def command(self) -> str:
        """The command line that does the same again."""
        options = self.options
        words = ["zerokeep", "run", "--out", str(options.out), *self._selection(), "--model", options.model]
        words += ["--train-epochs", str(options.train_epochs)] if options.train_epochs is not None else []
        words += ["--data", str(options.data)] if options.data is not None else []
        words += [*options.recipe.options(len(self.data.train_images)).split(), "--images", str(options.images)]
        words += ["--fresh"] if options.fresh else []
        words += ["--simulator", options.simulator] if options.simulator != "verilator" else []
        return shlex.join(words)

    def _selection(self) -> tuple[str, str]:
        """The option that names the array."""
        return ("--preset", self.preset) if self.preset else ("--config", str(self.options.out / CONFIG))

    def _note(self, say: Say, results: Mapping[str, Result]) -> Result:
        if self.preset is None:
            config_file.write(self.options.out / CONFIG, ConfigFile(engine=self.config))
        return dict(self._asked())

    def _base(self, say: Say) -> Any:
        """The base network: loaded, or trained and kept."""
        from zerokeep.models import load_base
        from zerokeep.train import train
        from zerokeep.user_code import open_model

        epochs, seed = self.options.train_epochs, self.options.recipe.seed
        if epochs is None:
            return open_model(self.options.model)
        kept = self.options.out / "base.safetensors"
        if kept.is_file():
            with contextlib.suppress(UserError):
                base = load_base(kept)
                wanted = {"seed": seed, "epochs": epochs, "data": self.data.name}
                if base.name == self.options.model and wanted.items() <= dict(base.metadata).items():
                    return base
        return train(self.options.model, self.data, seed=seed, epochs=epochs, out=kept, progress=say)

    def _prune(self, name: str, say: Say, results: Mapping[str, Result]) -> Result:
        from zerokeep.pipeline import prune_model, take_shipped
        from zerokeep.shipped import made_by

        recipe = self.options.recipe if name == "model" else Recipe.unpruned(self.options.recipe.seed)
        base = self._base(say)
        shipped = None if self.options.fresh else made_by(recipe, base.module)
        if shipped is not None:
            say("take the network that ships, and test it", None)
            info = take_shipped(shipped, self.data, self.options.out / name)
        else:
            info = prune_model(base, self.data, recipe, self.options.out / name, say, force=True)
        return info | {"fingerprint": info["files"]}

    def _generate(self, kind: str, say: Say, results: Mapping[str, Result]) -> Result:
        from cosim.designs import cached
        from cosim.simulators import build, find_simulator
        from zeroskip.verilog import lint

        options = self.options
        simulator = find_simulator(options.simulator)
        say("generate", None)
        with output_errors(options.cache):
            design = cached(self.config, kind, options.cache / "verilog")
        target = options.out / "verilog"
        target.mkdir(parents=True, exist_ok=True)
        for path in (design.verilog, design.sidecar):
            write_bytes(target / path.name, path.read_bytes())
        say("lint", None)
        if messages := lint(design.verilog, design.top):
            raise RuntimeError(f"the lint of {design.verilog.name} says {messages[0]}")
        say("build the simulator", None)
        build(design, simulator, options.cache / "simulators")
        lines = design.verilog.read_text(encoding="utf-8").count("\n")
        return {"kind": kind, "top": design.top, "sha256": design.digest, "verilog": design.verilog.name,
                "sidecar": design.sidecar.name, "lines": lines, "fingerprint": design.digest}

    def _simulate(self, model: str, kind: str, say: Say, results: Mapping[str, Result]) -> Result:
        from cosim.simulate import simulate
        from zerokeep.model_folder import layer_inputs

        images = self.data.test_images[: self.options.images]
        layers = {step.name: layer for step, layer in layer_inputs(self.options.out / model, images)}
        done = simulate(layers, self.config, KINDS[kind], options=self._simulation("" if model == "model" else model),
                        progress=lambda text: say(text, None))
        return {"layers": done.layers, "failed": done.failed}

    def _whole(self, say: Say, results: Mapping[str, Result]) -> Result:
        """The network as one program on both zero-skip engines; or why it is none."""
        from cosim.network import simulate_network
        from zerokeep import integer, model_folder
        from zeroskip.compiler.lower import UnsupportedError
        from zeroskip.compiler.places import PlanError
        from zeroskip.export.compiled import compile_network
        from zeroskip.export.figures import figures
        from zeroskip.export.program_file import content

        network = model_folder.read(self.options.out / "model").network
        codes = integer.encode(network, self.data.test_images[: self.options.images])
        expected = {step.name: result for step, _, result in integer.walk(network, codes)}
        try:
            found = simulate_network(network, codes, expected, self.config, options=self._simulation(),
                                     progress=lambda text: say(text, None))
        except (UnsupportedError, PlanError) as error:
            return {"why": str(error), "engines": {}, "host": list(network.host), "program": None, "failed": []}
        say("compile", None)
        compiled = compile_network(self.config, network, name=network.name, engine=PICTURED, image=codes[0],
                                   host=network.host)
        return {"why": None, "engines": found.engines, "host": list(network.host), "failed": found.failed,
                "program": figures(compiled, content(compiled.program), self.preset)}

    def _synthesise(self, kind: str, say: Say, results: Mapping[str, Result]) -> Result:
        from zeroskip.gateware.primitives.target import ECP5, Target
        from zeroskip.synth import synthesise
        from zeroskip.verilog import generate

        folder, top = self.options.out / "verilog", results[f"verilog-{kind}"]["top"]
        say("yosys", None)
        with workplace() as place:  # the same engine with the chip's own cells
            design = generate(self.config, kind, place, top, target=Target(family=ECP5))
            found = synthesise(design.verilog, top, multipliers=self.config.multipliers,
                               log=folder / f"{top}.yosys.log")
        return {"resources": resources(found["total"]), "parts": found["parts"],
                "tool_versions": {"pyosys": importlib.metadata.version("pyosys")}}

    def _break_even(self, say: Say, results: Mapping[str, Result]) -> Result:
        from zerokeep.break_even import LAYER, predicted

        return {"layer": LAYER, "points": predicted(self.config)}

    def do(self, steps: list[Step], show: Show) -> dict[str, Result]:
        """Do the steps; each one's result by name."""
        with output_errors(self.options.out):
            return run_steps(steps, self.options.out, show, workers=self.options.workers)


def resources(cells: Mapping[str, int]) -> dict[str, int | None]:
    """Cells by the names of the report; ``LUT`` is what they take of the chip's LUTs, before packing.

    A carry cell takes two LUTs; a LUT memory of 16 x 4 three slices of two. ``COMB`` is known only when packed.

    >>> resources({"LUT4": 100, "CCU2C": 10, "DPR16X4": 5, "FF": 7, "MULT": 4, "BRAM": 2})["LUT"]
    150
    """
    from zeroskip.families import luts_of

    luts = luts_of(cells)
    return {"LUT4": cells["LUT4"], "CCU2C": cells["CCU2C"], "DPR16X4": cells["DPR16X4"], "LUT": luts,
            "FF": cells["FF"], "DSP": cells["MULT"], "BRAM": cells["BRAM"], "COMB": None}


def failures(results: Mapping[str, Result]) -> list[str]:
    """A sentence for everything in which the hardware was wrong."""
    return [sentence for result in results.values() for sentence in result.get("failed", [])]
