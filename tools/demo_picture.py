"""Draws `demo.svg`, what `circleci-v1 demo` leaves on a terminal: `python tools/demo_picture.py`.

The demo draws everything from one seed. What differs from run to run is the time it takes, in whose place the picture
shows the pace that is set.
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
    """Run the demo and save the picture of what it leaves."""
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
