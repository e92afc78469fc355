"""Options that name a configuration of the vector engine: a preset, its number of multipliers, or a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from zerokeep.errors import UserError

if TYPE_CHECKING:
    from zeroskip.spec.config import EngineConfig

DEFAULT = "base"

Preset = Annotated[str | None, typer.Option("--preset", metavar="NAME", help="tiny, small, base, large or fine.")]
Multipliers = Annotated[int | None, typer.Option("--multipliers", metavar="4|16|64|128", help="A preset by its size.")]
Config = Annotated[Path | None, typer.Option("--config", metavar="FILE", help=(
    "Any other configuration, as a JSON file."))]


def engine_config(preset: str | None, multipliers: int | None, file: Path | None) -> tuple[EngineConfig, str | None]:
    """The configuration that the options name, and its own name; the preset ``base`` when none is given.

    Raises
    ------
    UserError
        There is no such preset, or two are named.
    ReadError
        The file cannot be read, or is no configuration.
    """
    from zeroskip.spec import config_file
    from zeroskip.spec.config import BY_MULTIPLIERS, PRESETS

    given = {"--preset": preset, "--multipliers": multipliers, "--config": file}
    named = [option for option, value in given.items() if value is not None]
    if len(named) > 1:
        raise UserError(f"give {' or '.join(named)}, not {'both' if len(named) == 2 else 'all'}")
    if file is not None:
        content = config_file.read(file)
        return content.engine, content.name
    if multipliers is not None and multipliers not in BY_MULTIPLIERS:
        raise UserError(f"multipliers must be one of {', '.join(map(str, BY_MULTIPLIERS))}, not {multipliers}")
    name = preset if preset is not None else DEFAULT if multipliers is None else BY_MULTIPLIERS[multipliers]
    if name not in PRESETS:
        raise UserError(f"preset must be one of {', '.join(PRESETS)}, not {name!r:.60}")
    return PRESETS[name], name


def named_engines(names: Sequence[str] | None, config: EngineConfig) -> tuple[str, ...]:
    """The engines that were asked for, each once; all four when none was.

    Raises
    ------
    UserError
        There is no such engine, or no dense array has as many multipliers as the configuration.
    """
    from cosim.simulate import check_engines
    from zeroskip.spec.dense import dense_of
    from zeroskip.spec.engines import ENGINES, KINDS

    try:
        found = check_engines(names or ENGINES)
        if any(KINDS.get(name) != "zero-skip" for name in found):
            dense_of(config)
    except ValueError as error:
        raise UserError(str(error)) from None
    return found
