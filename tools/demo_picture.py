"""Draws `demo.svg`, the final output of `circleci-v1 demo`: `python tools/demo_picture.py`.

The demo derives everything from one seed, except for its duration. The picture shows a fixed duration.
"""

import asyncio
import sys
from io import StringIO
from pathlib import Path

from rich.console import Console
from rich.text import Text

from circleci_v1_async._cli.demo import command as demo
from circleci_v1_async._cli.demo import screen as demo_screen


async def draw(path: Path) -> None:
    """Run the demo, and save a picture of its final output."""
    report = await demo.read_fake(Console(quiet=True, force_interactive=False))
    report.seconds = demo.SECONDS
    paper = Console(
        file=StringIO(), record=True, width=100, force_terminal=True, color_system="truecolor", highlight=False
    )
    paper.print(Text("$ circleci-v1 demo"))
    paper.print(demo_screen.render_summary(report))
    paper.save_svg(str(path), title="circleci-v1 demo")


if __name__ == "__main__":
    asyncio.run(draw(Path(sys.argv[1]) if sys.argv[1:] else Path(__file__).parents[1] / "docs" / "demo.svg"))
