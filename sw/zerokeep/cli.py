"""The command line: ``zerokeep VERB``.

Each verb, or family of verbs, is a module ``zerokeep.cli_NAME`` with a function ``register(app)``; it imports what is
slow (PyTorch, cocotb, Amaranth) inside its functions, so that ``zerokeep --help`` is quick. A verb says that the user
can mend something by one of the exceptions of ``cli_common.user_errors``, and that the hardware was wrong by
``typer.Exit(1)``.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import importlib.util
import sys
from collections.abc import Sequence

import typer

from zerokeep.cli_common import Status, user_errors

VERBS = ("cli_run", "cli_train", "cli_prune", "cli_study", "cli_import", "cli_generate", "cli_simulate",
         "cli_predict", "cli_synth", "cli_fit", "cli_energy", "cli_build", "cli_report", "cli_doctor")
"""Modules that bring verbs, in the order of the help page."""


def make_app() -> typer.Typer:
    """The application with every verb that is there."""
    app = typer.Typer(
        name="zerokeep", no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Prune a network so that its zeros pay on a zero-skip MAC array, and prove it in simulation.",
    )
    app.callback()(_common)
    for name in VERBS:
        if importlib.util.find_spec(f"zerokeep.{name}") is not None:
            importlib.import_module(f"zerokeep.{name}").register(app)
    return app


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"zerokeep {importlib.metadata.version('zerokeep')}")
        raise typer.Exit


def _common(
    version: bool = typer.Option(False, "--version", callback=_show_version, is_eager=True, help="Show the version."),
) -> None:
    """Options of the program itself."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one verb; the exit status is 0 done and right, 1 the hardware was wrong, 2 bad input or usage.

    A user's mistake is one sentence on stderr. A mistake of the program keeps its traceback.
    """
    try:
        given = list(sys.argv[1:] if arguments is None else arguments)
        result = make_app()(given, prog_name="zerokeep", standalone_mode=False)
    except typer.Exit as stop:
        return stop.exit_code
    except (KeyboardInterrupt, typer.Abort):
        return _complain("stopped", Status.STOPPED)
    except BrokenPipeError:
        sys.stdout = None  # type: ignore[assignment]  # nobody reads on; nothing more may be flushed
        return Status.USAGE
    except user_errors() as error:
        return _complain(" ".join(str(error).split()), Status.USAGE)
    except Exception as error:
        show = getattr(error, "format_message", None)
        if show is None:
            raise
        if type(error).__name__ == "NoArgsIsHelpError":
            print(show(), file=sys.stderr)
            return Status.USAGE
        return _complain(show(), Status.USAGE)
    return result if isinstance(result, int) else Status.DONE


def _complain(sentence: str, status: int) -> int:
    print(f"zerokeep: {sentence}", file=sys.stderr)
    return status


if __name__ == "__main__":
    sys.exit(main())
