"""Run programs that were written elsewhere against the fake, in an environment of their own.

    python tests/peers/run.py [FOLDER]

The environment is made in FOLDER, or in a temporary folder.
"""

import subprocess
import sys
import tempfile
import venv
from pathlib import Path

ROOT = Path(__file__).parents[2]
PEERS = ROOT / "tests" / "peers"


def run(folder: Path) -> int:
    """Make the environment in `folder` and run the tests; return pytest's exit code."""
    venv.create(folder, with_pip=True)
    python = str(folder / ("Scripts" if sys.platform == "win32" else "bin") / "python")
    install = [
        python,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--editable",
        str(ROOT),
        "-r",
        str(PEERS / "requirements.txt"),
    ]
    subprocess.run(install, check=True)  # noqa: S603 - our own
    pytest = [python, "-m", "pytest", "-c", str(PEERS / "pytest.ini"), f"--rootdir={ROOT}", str(PEERS)]
    return subprocess.run(pytest, cwd=ROOT, check=False).returncode  # noqa: S603 - our own


if __name__ == "__main__":
    if len(sys.argv) > 1:
        sys.exit(run(Path(sys.argv[1])))
    with tempfile.TemporaryDirectory() as temporary:
        sys.exit(run(Path(temporary)))
