"""One node of an ONNX file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from zerokeep.errors import UserError
from zeroskip.files.memory import ReadError
from zeroskip.files.names import shown
from zeroskip.layer import LayerError

UNFORESEEN = "cannot be taken, it raised"


@dataclass(frozen=True, kw_only=True, eq=False)
class Operation:
    """One node: its `name` (its own, else its result's), `op`, names of `inputs` and the `result`, `attributes`.

    A `label` is what a file that was written here calls the step that the node is of.
    """

    name: str
    op: str
    inputs: tuple[str, ...]
    result: str
    attributes: dict[str, Any] = field(default_factory=dict)
    label: str = ""

    def refuse(self, why: str) -> UserError:
        """An error that names the node."""
        return UserError(shown(f"node {shown(self.name, 80)} ({shown(self.op, 40)}) {why}"))

    def has(self, place: int) -> bool:
        """Whether there is an input at a place."""
        return place < len(self.inputs) and bool(self.inputs[place])


@contextmanager
def taking(operation: Operation) -> Iterator[None]:
    """What is raised inside and is no UserError becomes one that names the node: torch and numpy refuse by themselves.

    What is known to go wrong is checked before, with what was expected; this is for what is not known yet.
    """
    try:
        with np.errstate(all="ignore"):
            yield
    except UserError as error:
        named = str(error).startswith("node ")
        raise error if named else operation.refuse(f"cannot be taken: {error}") from None
    except (LayerError, ReadError) as error:
        raise operation.refuse(f"cannot be taken: {error}") from None
    except Exception as error:
        raise operation.refuse(f"{UNFORESEEN} {type(error).__name__}: {shown(error, 200)}") from None
