"""Fuzz the stand-alone fake from openapi.yml and its overlay, with schemathesis. A seed makes a run reproducible.

    python -m pip install -e . pyyaml schemathesis && python tests/fake/fuzz.py [--seed N] [--examples N]

schemathesis makes requests that the document allows and requests that it does not. No reply may have a status of 5xx or
a body that the document does not have, and after all of them the fake must still answer every request that only reads.
It prints what it has done, and exits with 1 if something was found.
"""

# ruff: noqa: T201 - it prints what it has done

import argparse
import json
import re
import subprocess
import sys
import sysconfig
import tempfile
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.error import HTTPError

import yaml

CONTRACT = Path(__file__).parents[1] / "contract"
sys.path.insert(0, str(CONTRACT))

from overlay import OVERLAY, PROJECT, TREE, overlaid  # noqa: E402 - found by the line above

CHECKS = "not_a_server_error,content_type_conformance,response_schema_conformance"
PROJECTS = ("github/acme/web", "bitbucket/acme/site")
READS = (
    *("/me", "/projects", "/recent-builds?limit=100", "/recent-builds?limit=100&shallow=true"),
    *(f"/project/{slug}{rest}" for slug in PROJECTS for rest in ("?limit=100", "/1", "/settings", "/checkout-key")),
    *(f"/project/{slug}{rest}" for slug in PROJECTS for rest in ("/envvar", "/token", "/1/tests", "/1/artifacts")),
)


@contextmanager
def fake(log: Path) -> Iterator[tuple[str, str]]:
    """Serve the fake in a process of its own, whose errors go to `log`; yield its address and its token."""
    command = [sys.executable, "-m", "circleci_v1_async.testing", "--builds=5"]
    command += [f"--project={slug}" for slug in PROJECTS]
    with (
        log.open("w") as errors,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True) as process,  # noqa: S603 - our own
    ):
        assert process.stdout is not None
        try:
            yield process.stdout.readline().strip(), process.stdout.readline().strip()
        finally:
            process.terminate()


def write_document(path: Path) -> None:
    """Write the overlaid document, in which paths lead to the projects that the fake has."""
    document = overlaid(yaml.safe_load((CONTRACT / "openapi.yml").read_text(encoding="utf-8")), OVERLAY)
    document.pop("security")
    parameters = document["components"]["parameters"]
    # With made-up names nearly every path would be of a project that does not exist.
    for name, values in (("VcsTypeParam", ["github"]), ("UsernameParam", ["acme"]), ("ProjectParam", ["web"])):
        parameters[name]["schema"] = {"type": "string", "enum": values}
    parameters["BuildNumParam"]["schema"] |= {"minimum": 1, "maximum": 9}
    for template, methods in list(document["paths"].items()):
        for method, operation in list(methods.items()):
            # The document has few of the refusals.
            operation["responses"] |= {"4XX": {"description": "Refused."}}
            # A path that fits for certain, so that wrong bodies and queries are refused for what they are.
            literal = template.replace(PROJECT, f"/project/{PROJECTS[0]}")
            if literal != template and "{" not in literal:
                terms = {**operation, "operationId": f"{operation['operationId']}OfWeb"}
                terms["parameters"] = operation["parameters"][3:]
                document["paths"].setdefault(literal, {})[method] = terms
    for body in (document["paths"][path]["post"]["requestBody"] for path in (PROJECT, TREE)):
        # Else every body with all members would be refused for this one.
        body["content"]["application/json"]["schema"]["properties"]["parallel"] |= {"minimum": 1}
    path.write_text(json.dumps(document), encoding="utf-8")


def fuzz(document: Path, base_url: str, token: str, options: argparse.Namespace) -> tuple[int, str]:
    """Run schemathesis; return its exit code and what it printed."""
    program = Path(sysconfig.get_path("scripts")) / "schemathesis"
    command = [str(program), "run", str(document), f"--url={base_url}", f"--checks={CHECKS}", f"--seed={options.seed}"]
    command += [f"--max-examples={options.examples}", "--phases=examples,coverage,fuzzing", "--continue-on-failure"]
    command += ["-H", f"Circle-Token: {token}", "-H", "Accept: application/json", "--warnings=off", "--max-redirects=1"]
    if options.report:
        command += ["--report=vcr", f"--report-vcr-path={options.report}"]
    done = subprocess.run(command, cwd=document.parent, capture_output=True, text=True, check=False)  # noqa: S603
    return done.returncode, done.stdout + done.stderr


def read(url: str, token: str) -> int:
    request = urllib.request.Request(url, headers={"Circle-Token": token, "Accept": "application/json"})  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:  # noqa: S310 - loopback
            json.load(reply)
            return int(reply.status)
    except HTTPError as error:
        return error.code


def main() -> int:
    parser = argparse.ArgumentParser(description="Fuzz the stand-alone fake from openapi.yml.")
    parser.add_argument("--seed", type=int, default=1, help="the seed of the requests")
    parser.add_argument("--examples", type=int, default=60, help="requests for each operation and phase")
    parser.add_argument("--report", type=Path, help="a file for every request and reply")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        document, log = Path(folder) / "openapi.json", Path(folder) / "errors.txt"
        write_document(document)
        with fake(log) as (base_url, token):
            code, output = fuzz(document, base_url, token, options)
            broken = [target for target in READS if read(base_url + target, token) != 200]
        if code or broken:
            print(output, log.read_text(), sep="\n")
    for target in broken:
        print(f"broken afterwards: GET {target}")
    figures = re.search(r"[0-9,]+ generated.*", output)
    print(f"seed {options.seed}, {options.examples} examples: {figures[0] if figures else 'no requests'}")
    return 1 if code or broken or not figures else 0


if __name__ == "__main__":
    sys.exit(main())
