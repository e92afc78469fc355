"""How a command ends: its exit status, and one sentence, for whatever was raised."""

from __future__ import annotations

import enum
import errno
import os
import sys
import tempfile
import traceback
from types import ModuleType

from zerokeep.errors import described
from zeroskip.files.names import shown


class Status(enum.IntEnum):
    """Exit statuses."""

    DONE = 0
    WRONG = 1
    """The hardware's answer differed, or timing was missed; nothing else."""
    USAGE = 2
    """Bad input or usage, a user's code that raises or exits included."""
    FAULT = 3
    """A fault of the program itself."""
    STOPPED = 130
    """By Ctrl-C."""
    ENDED = 143
    """By SIGTERM."""


USER_ERRORS = (
    ("zerokeep.errors", "UserError"), ("zeroskip.layer", "LayerError"), ("zeroskip.compiler.packed", "PackError"),
    ("zeroskip.compiler.places", "PlanError"), ("zeroskip.compiler.lower", "UnsupportedError"),
    ("zeroskip.files.process", "ToolError"), ("zeroskip.files.memory", "ReadError"),
    ("zeroskip.files.folders", "NotOursError"), ("zeroskip.files.outputs", "OutputError"),
    ("zeroskip.link.driver", "LinkError"),
)
"""The exceptions whose text is one sentence for the user, by module."""
_ENVIRONMENT = (errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EFBIG, errno.EMFILE,
                errno.ENFILE, errno.ENOMEM, errno.EIO, errno.ENAMETOOLONG, errno.ELOOP)
"""Of an OSError: what the user's system lacks or forbids."""


def user_errors() -> tuple[type[BaseException], ...]:
    """The classes of ``USER_ERRORS`` of modules that were loaded: none is loaded for this."""
    return tuple(getattr(sys.modules[module], name) for module, name in USER_ERRORS
                 if hasattr(sys.modules.get(module), name))


def explain(error: BaseException) -> tuple[int, str]:
    """The exit status and the sentence for what a command raised; no sentence where there is nothing to say."""
    from zeroskip.files.process import interrupted

    name = type(error).__name__
    if (signal := interrupted()) is not None:
        return 128 + signal, "stopped"
    if (place := _in_users_code(error)) is not None:
        return Status.USAGE, f"{place} raised {described(error)}"
    if name == "Exit":  # typer's, after --help and --version
        return int(getattr(error, "exit_code", Status.FAULT)), ""
    if isinstance(error, BrokenPipeError):
        sys.stdout = None  # type: ignore[assignment]  # nobody reads on; nothing more may be flushed
        return Status.USAGE, ""
    if isinstance(error, (KeyboardInterrupt, EOFError)) or name == "Abort":
        return Status.STOPPED, "stopped"
    if isinstance(error, user_errors()):
        return Status.USAGE, str(error)
    if (show := getattr(error, "format_message", None)) is not None:  # typer's, of wrong usage
        if name == "NoArgsIsHelpError":
            print(show(), file=sys.stderr)
            return Status.USAGE, ""
        return Status.USAGE, str(show())
    if isinstance(error, MemoryError):
        return Status.USAGE, f"there is not enough memory for this ({described(error)})"
    if isinstance(error, OSError) and error.errno in _ENVIRONMENT:
        return Status.USAGE, f"{f'{shown(error.filename)}: ' if error.filename else ''}{error.strerror}"
    return Status.FAULT, f"this is a fault of zerokeep ({described(error)}); {_keep_traceback(error)}"


def _keep_traceback(error: BaseException) -> str:
    """Where the traceback was written, in words."""
    text = "".join(traceback.format_exception(error))
    try:
        handle, name = tempfile.mkstemp(prefix="zerokeep-fault-", suffix=".txt")
        with os.fdopen(handle, "w", encoding="utf-8", errors="backslashreplace") as file:
            file.write(f"zerokeep {' '.join(map(repr, sys.argv[1:]))}\n{text}")
    except OSError as failure:
        return f"the traceback could not be written ({failure.strerror})"
    return f"the traceback is in {name}"


def _in_users_code(error: BaseException) -> str | None:
    """The place in the code of ``--model`` or ``--data`` that raised it, where it is from there."""
    module: ModuleType | None = sys.modules.get("zerokeep.user_code")
    return None if module is None else module.place_in_users_code(error)
