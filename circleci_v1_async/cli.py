"""The shell command `circleci-v1`, which needs the extra `cli` and prints one line if it is missing."""

import sys

__all__ = ["main"]

_EXTRA = {"click": "click", "rich": "rich", "yaml": "pyyaml"}


def main() -> None:
    """Run the command line of this process and exit; `--help` lists the commands and the exit codes."""
    try:
        from ._cli.commands import cli  # noqa: PLC0415 - a missing extra gives a message, not a traceback
    except ModuleNotFoundError as error:
        library = str(error.name).partition(".")[0]
        if library not in _EXTRA:
            raise
        sys.exit(f"circleci-v1 needs {_EXTRA[library]}: pip install 'circleci-v1-async[cli]'")
    except KeyboardInterrupt:  # interrupted during the import; `cli` handles later ones
        sys.exit(130)
    if (reconfigure := getattr(sys.stdout, "reconfigure", None)) is not None:
        # Characters that the encoding lacks must not end the command; standard error escapes them anyway.
        reconfigure(errors="backslashreplace")
    cli(prog_name="circleci-v1")
