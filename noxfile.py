"""Tasks of the project, each in a separate environment: `nox -l` lists them, `nox -s lint typing` runs two."""

import re
import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2026.2"
nox.options.sessions = ["lint", "typing", "tests"]
nox.options.reuse_venv = "yes"

PROJECT = nox.project.load_toml("pyproject.toml")
PYTHONS = nox.project.python_versions(PROJECT)
ROOT = Path(__file__).parent
REPORTS = ROOT / "reports"


def install(session: nox.Session, *groups: str, extra: str = "test") -> None:
    """Install the project, editable, with dependency groups, which the pip of an older Python does not know."""
    session.install("-e", f".[{extra}]", *nox.project.dependency_groups(PROJECT, *groups))


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """Run all tests at length and cover every branch; with arguments for pytest, what they select."""
    install(session, "nox-tests")
    if session.posargs:
        session.run("pytest", *session.posargs)
        return
    session.run(
        *("pytest", "-n", "auto", "-q", "--hypothesis-profile=thorough"),
        *("--cov", "--cov-report=term-missing:skip-covered", f"--cov-report=html:{REPORTS}/coverage-{session.python}"),
        f"--junitxml={REPORTS}/tests/{session.python}.xml",
    )


@nox.session(python=PYTHONS)
def quick(session: nox.Session) -> None:
    """Run all tests with few examples of each property, without coverage."""
    install(session, "nox-tests")
    session.run("pytest", "-n", "auto", "-q")


@nox.session
def lint(session: nox.Session) -> None:
    """Check style and spelling with the hooks of pre-commit, the wording of texts, imports, and dead code."""
    install(session, "lint")
    session.run("pre-commit", "run", "--all-files", "--show-diff-on-failure")
    session.run("python", "tools/phrases.py")
    session.run("lint-imports")
    session.run("vulture")


@nox.session
def typing(session: nox.Session) -> None:
    """Check the types with mypy and pyright, both in their strict modes."""
    install(session, "typing")
    session.run("mypy")
    session.run("pyright")
    with session.chdir(session.create_tmp()):
        # In another folder, pyright finds the package that is installed. It fails below 100 %.
        session.run("pyright", "--verifytypes", "circleci_v1_async", "--ignoreexternal", silent=True)


def build_site(session: nox.Session, folder: Path) -> None:
    """Build the documentation; a warning is an error."""
    session.run(
        *("mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)), env={"NO_MKDOCS_2_WARNING": "1"}
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Build the site without a warning, check the code on its pages, run its recipes. Needs redis-server."""
    install(session, "docs", "lint", "recipes", "typing")
    blocks = REPORTS / "blocks"
    shutil.rmtree(blocks, ignore_errors=True)
    build_site(session, REPORTS / "site")
    session.run("python", "tests/docs/doc_blocks.py", str(blocks))
    session.run(
        *("ruff", "format", "--check", "--config", "pyproject.toml", "--line-length", "85"), str(blocks / "written")
    )
    session.run("mypy", "--config-file=", "--strict", str(blocks / "programs"))
    session.run("pyright", "--project", str(blocks / "programs"))
    output = str(session.run("pytest", "-q", "-rs", "-k", "recipes or TheReference", "tests/docs", silent=True))
    session.log(output)
    if re.search("SKIPPED.*(needs|could not import)", output):
        session.error("a recipe, or the test of the reference, was skipped")


@nox.session
def browser(session: nox.Session) -> None:
    """Look at every page of the site in a real browser, wide and narrow, light and dark. Needs chromium."""
    if shutil.which("chromium") is None:
        session.error("chromium is not installed")
    install(session, "browser", "docs")
    site = Path(session.create_tmp()) / "site"
    build_site(session, site)
    session.run(
        *("pytest", "-q", "-p", "no:randomly", "tests/browser"),
        env={"BUILT_SITE": str(site), "SCREENSHOTS": f"{REPORTS}/screenshots"},
    )


@nox.session
def floors(session: nox.Session) -> None:
    """Run the tests with the oldest releases that pyproject.toml admits."""
    session.install("uv")
    constraints = Path(session.create_tmp()) / "floors.txt"
    session.run(
        *("uv", "pip", "compile", "--quiet", "--resolution", "lowest-direct", "--extra", "cli", "--extra", "export"),
        *("--no-header", "--no-annotate", "--output-file", str(constraints), "pyproject.toml"),
    )
    session.log(" ".join(constraints.read_text().split()))
    session.install("--constraint", str(constraints), "-e", ".[test]")
    session.run(
        *("pytest", "-n", "auto", "-q", "tests/unit", "tests/operations", "tests/mocked", "tests/cli/test_cli.py"),
        *(f"tests/loopback/test_{name}.py" for name in ("resilience", "session", "transport")),
    )


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the wheel and the sdist, and install both outside of this folder, the sdist without an index too."""
    build_and_install(session)


def build_and_install(session: nox.Session) -> Path:
    """Build, check and install both distributions; return the folder that has them."""
    session.install("build", "check-wheel-contents", "twine", "virtualenv")
    folder = Path(session.create_tmp())
    dist, wheelhouse = folder / "dist", folder / "wheelhouse"
    for old in (dist, wheelhouse):
        shutil.rmtree(old, ignore_errors=True)
    session.run("python", "-m", "build", "--outdir", str(dist), silent=True)
    (sdist,), (built,) = dist.glob("*.tar.gz"), dist.glob("*.whl")
    session.run("twine", "check", "--strict", str(sdist), str(built))
    session.run("check-wheel-contents", str(built))

    session.run("virtualenv", "--quiet", "--clear", f"{folder}/from-wheel")
    session.run(f"{folder}/from-wheel/bin/pip", "install", "--quiet", f"{built}[cli]", external=True)
    session.run(
        "pip", "wheel", "--quiet", "--wheel-dir", str(wheelhouse), f"{sdist}[cli]", *PROJECT["build-system"]["requires"]
    )
    for own in wheelhouse.glob("circleci_v1_async-*"):
        own.unlink()
    session.run("virtualenv", "--quiet", "--clear", f"{folder}/from-sdist")
    session.run(
        *(f"{folder}/from-sdist/bin/pip", "install", "--quiet"),
        *("--no-index", "--find-links", str(wheelhouse), f"{sdist}[cli]"),
        env={"PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": None, "PIP_EXTRA_INDEX_URL": None},
        external=True,
    )
    with session.chdir(folder):
        for name in ("from-wheel", "from-sdist"):
            session.run(f"{name}/bin/python", "-W", "error", "-c", INSTALLED, external=True)
        session.run("from-wheel/bin/circleci-v1", "demo", external=True)
    return dist


INSTALLED = """
from importlib.metadata import version
from importlib.resources import files
import circleci_v1_async
assert version("circleci-v1-async") == circleci_v1_async.__version__
assert files(circleci_v1_async).joinpath("py.typed").is_file()
"""


@nox.session
def release(session: nox.Session) -> None:
    """Build and check the files of a release, and list the steps to do by hand."""
    version = re.search(r'__version__ = "(.+)"', (ROOT / "circleci_v1_async" / "_version.py").read_text())[1]
    if not re.search(
        rf"^## \[{re.escape(version)}\] - \d{{4}}-\d\d-\d\d$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    ):
        session.error(f"CHANGELOG.md has no section '## [{version}] - <date>'")
    if changed := session.run("git", "status", "--porcelain", silent=True, external=True):
        session.error(f"not committed:\n{changed}")
    dist = ROOT / "dist"
    shutil.rmtree(dist, ignore_errors=True)
    shutil.copytree(build_and_install(session), dist)
    session.log(f"dist/ has {', '.join(sorted(path.name for path in dist.iterdir()))}. Left to do by hand:")
    session.log("  1. see that CI has passed for this commit, and `nox -s bench audit` since the last change of code")
    session.log(f"  2. git tag --sign v{version} && git push origin v{version}")
    session.log("  3. twine upload dist/*")
    session.log("  4. raise __version__, and begin the next section of CHANGELOG.md")


@nox.session
def audit(session: nox.Session) -> None:
    """Look for known vulnerabilities of what a user installs. It may need the network."""
    session.install(".[cli,export]", "pip-audit")
    session.run("pip-audit", "--local", "--skip-editable")


@nox.session(python=False)
def readme(session: nox.Session) -> None:
    """Type both commands of the README, as a newcomer does: each in a clean copy, with the `python3` of the PATH."""
    listed = session.run(
        "git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", silent=True, external=True
    )
    commands = re.findall(r"^    (python3 -m venv .+)$", (ROOT / "README.md").read_text(), re.MULTILINE)
    if len(commands) != 2:  # noqa: PLR2004 - the demo and the tests
        session.error(f"the README has {len(commands)} commands")
    for command in commands:
        with tempfile.TemporaryDirectory() as copy:
            for name in filter(None, str(listed).split("\0")):
                target = Path(copy, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, target)
            with session.chdir(copy):
                session.run("bash", "-c", command, env={"CIRCLECI_RECORDINGS": None, "PIP_QUIET": "1"}, external=True)


@nox.session
def mutants(session: nox.Session) -> None:
    """Change the code of modules without I/O, and see that a test fails each time. Slow; not part of CI.

    mutmut keeps all changed functions in one copy of the package, and runs each in a fork of a process that has
    collected the tests: a mutant takes a fraction of a second. cosmic-ray rewrites a file and starts pytest for each,
    which takes twenty times as long. mutmut leaves out the constants of modules, and decorated functions.
    """
    session.install("-e", ".[test]", "mutmut>=3.8")
    shutil.rmtree("mutants", ignore_errors=True)
    session.run("mutmut", "run", silent=True)
    session.run("python", "tools/mutants.py")


@nox.session
def fuzz(session: nox.Session) -> None:
    """Let schemathesis look for requests that the stand-alone fake answers wrongly, from a fixed seed."""
    session.install("-e", ".", "pyyaml", "schemathesis")
    session.run("python", "tests/fake/fuzz.py", *(session.posargs or ("--seed", "1", "--examples", "60")))


@nox.session
def peers(session: nox.Session) -> None:
    """Run programs of other projects against the fake, in a separate environment."""
    session.run("python", "tests/peers/run.py", session.create_tmp())


@nox.session
def bench(session: nox.Session) -> None:
    """Compare the package's cost with other clients. `-- NAME` runs one benchmark. See CONTRIBUTING.md."""
    install(session, "bench", extra="cli")
    session.run("python", "-m", "benchmarks", *session.posargs)


@nox.session
def pyodide(session: nox.Session) -> None:
    """Run the unit tests by CPython 3.14 in WebAssembly, as far as they can. Needs node and npm; not part of CI."""
    folder = Path(session.create_tmp())
    wheels = folder / "wheels"
    shutil.rmtree(wheels, ignore_errors=True)
    session.run("npm", "install", "--silent", "--prefix", str(folder), "pyodide@314", external=True)
    session.run("pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(wheels), ".")
    download = (
        "pip",
        "download",
        "--quiet",
        "--no-deps",
        "--only-binary=:all:",
        "--python-version=3.14",
        f"--dest={wheels}",
    )
    session.run(*download, "--platform=pyemscripten_2026_0_wasm32", "--abi=cp314", "--implementation=cp", "msgspec")
    for name in (
        *(
            "aiohappyeyeballs",
            "aiohttp",
            "aiosignal",
            "attrs",
            "cattrs",
            "frozenlist",
            "idna",
            "multidict",
            "propcache",
        ),
        *("typing_extensions", "yarl", "hypothesis", "iniconfig", "packaging", "pluggy", "pygments", "pytest"),
        "sortedcontainers",
    ):
        session.run(*download, "--platform=any", "--abi=none", "--implementation=py", name)
    tools = ROOT / "tools" / "pyodide.mjs"
    modules = folder / "node_modules"
    # The default stack is too small for the parsers of pytest and hypothesis.
    command = f"ulimit -s unlimited && exec node --stack-size=30000 {tools} {modules} {wheels} {ROOT}"
    session.run("bash", "-c", command, external=True)
