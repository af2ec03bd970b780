"""Fuzz the stand-alone fake from openapi.yml and its overlay, with schemathesis. A seed makes a run reproducible.

    python -m pip install -e . pyyaml schemathesis && python tests/fake/fuzz.py [--seed N] [--examples N]

schemathesis makes requests that the document allows and requests that it does not, also to the routes that control the
fake. No reply may have a status of 5xx or a body that the document does not have. After all of them, and again after a
reset, the fake must still answer every request that only reads.
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


def write_control_document(path: Path) -> None:
    """Write a document of the routes that control the fake."""
    text, number, flag = ({"type": kind} for kind in ("string", "integer", "boolean"))

    def describe(**properties: object) -> dict[str, object]:
        return {"type": "object", "properties": properties}

    def list_of(item: object) -> dict[str, object]:
        return {"type": "array", "items": item, "maxItems": 3}

    target = {"count": number, "method": text, "path": text}
    fault = {
        "oneOf": [
            {**describe(**{name: describe(**target, **members)}), "required": [name], "additionalProperties": False}
            for name, members in {
                "fail_next": {"status": number, "retry_after": text, "body": text},
                "reply_next": {"status": number, "body": text, "headers": {"type": "object"}},
                "drop_next": {"executed": flag},
                "truncate_next": {"after": number, "chunked": flag},
                "chunk_next": {},
                "trickle_next": {"pause": {"type": "number"}, "piece": number, "chunked": flag},
            }.items()
        ]
    }
    build = describe(
        status={"enum": ["success", "failed", "running", "queued", "paused"]},
        count={"type": "integer", "maximum": 9},
        build_num=number,
        branch=text,
        subject=text,
        when={"type": "string", "format": "date-time"},
        workflow=text,
        fields={"type": "object"},
        steps=list_of(describe(name=text, output=text, step=number, index=number)),
        artifacts=list_of(describe(path=text, text=text, base64=text, size=number)),
        tests=list_of(describe(name=text, result={"enum": ["success", "failure"]}, run_time=number)),
    )
    project = describe(
        slug={"enum": [*PROJECTS, "gh/acme/new", "acme"]},
        public=flag,
        following=flag,
        builds=list_of(build),
        env_vars=list_of(describe(name=text, value=text)),
        checkout_keys=list_of(describe(type={"enum": ["deploy-key", "github-user-key"]}, fingerprint=text, login=text)),
        ssh_keys=list_of(describe(hostname=text, private_key=text)),
        tokens=list_of(describe(scope=text, label=text)),
    )
    seed = describe(
        projects=list_of(project),
        user={"type": "object"},
        faults=list_of(fault),
        rate_limit=describe(requests=number, per={"type": "number"}, retry_after=text, fixed_window=flag),
        drift=list_of(describe(slug={"enum": [*PROJECTS]}, inserts={"type": "number"}, rounds=number)),
        after_sunset=flag,
        brownout=flag,
        token_expired=flag,
    )
    finish = describe(slug={"enum": [*PROJECTS]}, build_num=number, status={"enum": ["success", "failed"]})
    message = {"description": "Done or refused.", "content": {"application/json": {"schema": {"type": "object"}}}}
    paths: dict[str, object] = {
        f"/__fake/{name}": {
            "post": {
                "operationId": name,
                "requestBody": {"content": {"application/json": {"schema": schema}}},
                "responses": {"200": message, "4XX": message},
            }
        }
        for name, schema in {"reset": {}, "seed": seed, "finish": finish, "faults": fault}.items()
    }
    listed = {"description": "All.", "content": {"application/json": {"schema": {"type": "array"}}}}
    paths["/__fake/requests"] = {"get": {"operationId": "requests", "responses": {"200": listed, "4XX": message}}}
    document = {"openapi": "3.1.0", "info": {"title": "Control", "version": "1"}, "paths": paths}
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


def read(url: str, token: str, method: str = "GET") -> int:
    headers = {"Circle-Token": token, "Accept": "application/json"}
    request = urllib.request.Request(url, headers=headers, method=method)  # noqa: S310 - loopback
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
        api, control, log = (Path(folder) / name for name in ("openapi.json", "control.json", "errors.txt"))
        write_document(api)
        write_control_document(control)
        with fake(log) as (base_url, token):
            origin = base_url.removesuffix("/api/v1.1")
            runs = [fuzz(api, base_url, token, options)]
            broken = [target for target in READS if read(base_url + target, token) != 200]
            runs.append(fuzz(control, origin, token, options))
            if read(f"{origin}/__fake/reset", token, "POST") != 200:
                broken.append("/__fake/reset")
            broken += [target for target in READS if read(base_url + target, token) != 200]
        if broken or any(code for code, _ in runs):
            print(*(output for _, output in runs), log.read_text(), sep="\n")
    for target in broken:
        print(f"broken afterwards: {target}")
    figures = [re.search(r"[0-9,]+ generated.*", output) for _, output in runs]
    for figure in figures:
        print(f"seed {options.seed}, {options.examples} examples: {figure[0] if figure else 'no requests'}")
    return 1 if broken or not all(figures) or any(code for code, _ in runs) else 0


if __name__ == "__main__":
    sys.exit(main())
