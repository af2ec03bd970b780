"""`circleci-v1`, the shell command. It wants the extra `cli`; without it, it says so in one line."""

import sys

__all__ = ["main"]

_EXTRA = {"click", "rich"}


def main() -> None:
    """Run the command line of this process and exit. `circleci-v1 --help` lists the commands and the exit codes."""
    try:
        from ._cli.commands import cli  # noqa: PLC0415 - a missing extra is told, not a traceback
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library not in _EXTRA:
            raise
        sys.exit(f"circleci-v1 needs {library}: pip install 'circleci-v1-async[cli]'")
    except KeyboardInterrupt:  # importing is what takes time; `cli` knows how to be interrupted itself
        sys.exit(130)
    if (reconfigure := getattr(sys.stdout, "reconfigure", None)) is not None:
        # What the encoding has no character for is no reason to stop, as it is none on standard error.
        reconfigure(errors="backslashreplace")
    cli(prog_name="circleci-v1")
