"""A network traced with torch.fx, the shape of every result noted, whatever the code of it does."""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr

import torch
from torch import fx, nn
from torch.fx.passes.shape_prop import ShapeProp

from zerokeep.errors import UserError
from zeroskip.files.names import shown
from zeroskip.files.process import interrupted

LINE = 300
"""Characters of an exception's text that are told."""


def traced(module: nn.Module, shape: tuple[int, ...]) -> fx.GraphModule:
    """What `module`, put into evaluation mode, does to images (C, H, W) of `shape`; nodes have their ``tensor_meta``.

    Raises
    ------
    UserError
        It cannot be traced, or does not take such images; or its code raises something else, exits included.
    """
    with running("the network cannot be traced by torch.fx"):
        module.eval()
        made = fx.symbolic_trace(module)
    with running(f"the network does not take images of {tuple(shape)}"), torch.no_grad():
        ShapeProp(made).propagate(torch.zeros(2, *shape))
    return made


@contextmanager
def running(what: str) -> Iterator[None]:
    """Turn all that a network's code raises into one UserError, and keep what torch prints about it to itself.

    Nothing but a signal to this process passes: code may raise KeyboardInterrupt or SystemExit itself.
    """
    try:
        with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except UserError:
        raise
    except BaseException as error:
        if interrupted() is not None:
            raise
        raise UserError(f"{what}: {_line(error)}") from None


def _line(error: BaseException) -> str:
    """The first line of what went wrong at the bottom of it; the exception's name where that is not a plain error's."""
    cause = error.__cause__ or error
    text = str(cause).strip().splitlines()
    plain = text and type(cause) in (RuntimeError, ValueError, TypeError, fx.proxy.TraceError)
    return shown(text[0] if plain else ": ".join([type(cause).__name__, *text[:1]]), LINE)
