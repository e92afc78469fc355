"""The command line: ``zerokeep VERB``.

Each verb, or family of verbs, is a module ``zerokeep.cli_NAME`` with a function ``register(app)``; it imports what is
slow (PyTorch, cocotb, Amaranth) inside its functions, so that ``zerokeep --help`` is quick. A verb says that the user
can mend something by one of the exceptions of ``cli_status.USER_ERRORS``, and that the hardware was wrong by the status
that it returns.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import importlib.metadata
import importlib.util
import inspect
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Annotated, Any, get_type_hints

import typer

from zerokeep.cli_common import say
from zerokeep.cli_status import Status, explain
from zerokeep.errors import UserError

VERBS = ("cli_run", "cli_train", "cli_prune", "cli_study", "cli_import", "cli_generate", "cli_compile",
         "cli_simulate", "cli_predict", "cli_synth", "cli_fit", "cli_energy", "cli_build", "cli_report", "cli_doctor")
"""Modules that bring verbs, in the order of the help page."""


MemoryLimit = Annotated[str | None, typer.Option("--memory-limit", metavar="SIZE", help=(
    "What is read from files may take so much, such as 4G; default half of what is free."))]


def make_app() -> typer.Typer:
    """The application with every verb that is there; each takes ``--memory-limit``."""
    app = typer.Typer(
        name="zerokeep", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Prune a network so that its zeros pay on a zero-skip MAC array, and prove it in simulation.",
    )
    app.callback()(_common)
    for name in VERBS:
        if importlib.util.find_spec(f"zerokeep.{name}") is not None:
            importlib.import_module(f"zerokeep.{name}").register(app)
    for command in app.registered_commands:
        if command.callback is not None:
            command.callback = _wrapped(command.callback)
    return app


class RaisedError(Exception):
    """What a verb raised, as typer hands it on: for an interrupt or a broken pipe it has statuses of its own."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


def _wrapped(verb: Callable[..., Any]) -> Callable[..., Any]:
    """The verb with one more option, which is heeded before it begins; what it raises comes as a `RaisedError`."""
    @functools.wraps(verb)
    def limited(*arguments: Any, memory_limit: str | None = None, **options: Any) -> Any:
        try:
            if memory_limit is not None:
                _set_memory_limit(memory_limit)
            return verb(*arguments, **options)
        except BaseException as error:
            raise RaisedError(error) from None

    signature = inspect.signature(verb, eval_str=True)
    added = inspect.Parameter("memory_limit", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=MemoryLimit)
    limited.__signature__ = signature.replace(  # type: ignore[attr-defined]
        parameters=[*signature.parameters.values(), added])
    limited.__annotations__ = get_type_hints(verb, include_extras=True) | {"memory_limit": MemoryLimit}
    return limited


@contextlib.contextmanager
def _safe_path() -> Iterator[None]:
    """What libraries start imports nothing from the current folder: Amaranth starts its yosys by a module's name."""
    before = os.environ.get("PYTHONSAFEPATH")
    os.environ["PYTHONSAFEPATH"] = "1"
    try:
        yield
    finally:
        del os.environ["PYTHONSAFEPATH"]
        os.environ.update({} if before is None else {"PYTHONSAFEPATH": before})


def _set_memory_limit(size: str) -> None:
    from zeroskip.files.memory import set_limit

    try:
        set_limit(size)
    except ValueError as error:
        raise UserError(f"--memory-limit: {error}") from None


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zerokeep {importlib.metadata.version('zerokeep')}")
        raise typer.Exit


def _common(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Options of the program itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb and return its exit status; see ``Status``.

    Whatever goes wrong is one sentence on stderr; the traceback of a fault of the program is written to a file.
    """
    from zeroskip.files.process import handle_signals

    try:
        with handle_signals(), _safe_path():
            given = list(sys.argv[1:] if arguments is None else arguments)
            result = make_app()(given, prog_name="zerokeep", standalone_mode=False)
    except BaseException as error:
        status, sentence = explain(error.error if isinstance(error, RaisedError) else error)
        if sentence:
            say(f"zerokeep: {sentence}", error=True)
        return status
    return result if isinstance(result, int) else Status.DONE


if __name__ == "__main__":
    sys.exit(main())
