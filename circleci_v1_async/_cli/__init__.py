"""The shell command `circleci-v1`, which needs the extra `cli`.

`group` lists the commands. Each noun has a module with its commands. They share `command` (arguments, errors, exit
codes), `signals` (the end by a signal), `login` (the session), `lines` (output as lines of text), `json_lines` (output
as JSON) and `tables` (output on a terminal).
"""

import sys

__all__ = ["main"]

_EXTRA = {"click": "click", "rich": "rich", "yaml": "pyyaml"}


def main() -> None:
    """Run the command line of this process and exit; `--help` lists the commands and the exit codes."""
    try:
        _exit_on_ctrl_c()
        if (stdout := _get_stdout()) is None:
            sys.exit("Error: standard output is closed")
        if (reconfigure := getattr(stdout, "reconfigure", None)) is not None:
            # Unencodable characters must not end the command. Standard error escapes them anyway.
            reconfigure(errors="backslashreplace")
        try:
            from .group import cli  # noqa: PLC0415 - a missing extra gives a message, not a traceback

            cli(prog_name="circleci-v1")
        finally:
            _flush()
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library not in _EXTRA:
            raise
        sys.exit(f"circleci-v1 needs {_EXTRA[library]}: pip install 'circleci-v1-async[cli]'")
    except KeyboardInterrupt:
        sys.exit(130)


def _get_stdout() -> object:
    # None if the process was started without standard output. Its type does not include None.
    return sys.stdout


def _exit_on_ctrl_c() -> None:
    """Let Ctrl-C end the process immediately, even during imports, where an exception may get lost.

    A running command handles Ctrl-C differently, so that it can clean up.
    """
    import os  # noqa: PLC0415 - a Ctrl-C during this import is handled by the caller
    import signal  # noqa: PLC0415 - as above

    # A shell makes its background programs ignore Ctrl-C.
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, lambda number, _frame: os._exit(128 + number))


def _flush() -> None:
    """Write the remaining output, or drop it: the interpreter would try again, and print an error."""
    import os  # noqa: PLC0415 - as above

    try:
        sys.stdout.flush()
    except OSError:
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, sys.__stdout__.fileno())  # type: ignore[union-attr]
        os.close(descriptor)
