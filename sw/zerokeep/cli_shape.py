"""Options that name a configuration: a preset, or the array's shape and any other parameter."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from zerokeep.errors import UserError

if TYPE_CHECKING:
    from zeroskip.config import ArrayConfig

Groups = Annotated[int | None, typer.Option("--groups", metavar="C", help=(
    "Instead of a preset: groups, with --lanes and --pixels; powers of two."))]
Lanes = Annotated[int | None, typer.Option("--lanes", metavar="E", help="Lanes of a group.")]
Pixels = Annotated[int | None, typer.Option("--pixels", metavar="P", help="Pixels that share a weight.")]
Settings = Annotated[list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help=(
    "Another parameter of such an array, as `zerokeep fit` prints it; again for more."))]


def configuration(preset: str | None, multipliers: int | None, groups: int | None, lanes: int | None,
                  pixels: int | None, settings: list[str] | None) -> ArrayConfig:
    """The configuration that the options name; ``base`` when none is given.

    Raises
    ------
    UserError
        They do not go together, or there is no such configuration.
    """
    from cosim.simulate import select
    from zeroskip.config import derive

    shape = {"groups": groups, "lanes": lanes, "pixels": pixels}
    given = {name: value for name, value in shape.items() if value is not None}
    try:
        if not given and not settings:
            return select(preset, multipliers)
        if len(given) < len(shape):
            raise UserError("--groups, --lanes and --pixels go together, and --set goes with them")
        if preset is not None or multipliers is not None:
            raise UserError("give a preset or a shape, not both")
        return derive(**given, **dict(_setting(text) for text in settings or []))
    except (TypeError, ValueError) as error:
        raise UserError(str(error)) from None


def _setting(text: str) -> tuple[str, int]:
    """A parameter's name and value."""
    from zeroskip.config import ArrayConfig

    name, _, value = text.partition("=")
    known = [field for field in ArrayConfig.__dataclass_fields__ if field not in ("groups", "lanes", "pixels")]
    if name not in known:
        raise UserError(f"--set {text}: the name must be one of {', '.join(known)}")
    if not value.isdecimal():
        raise UserError(f"--set {text}: the value must be a whole number")
    return name, int(value)
