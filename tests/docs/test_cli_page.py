"""The page on the command line says what the help of the commands says."""

import runpy

from doc_blocks import ROOT


def test_the_page_on_the_command_line_is_generated_from_the_help():
    tool = runpy.run_path(str(ROOT / "tools" / "cli_page.py"))
    page = (ROOT / "docs" / "cli.md").read_text()

    assert tool["fill"](page) == page, "run python tools/cli_page.py"
    assert tool["fill"](page.replace("--retries", "--tries")) == page
