"""Secrets that are all over what the faults send and get, so that one test can look for them after each fault."""

import gzip
import json
import sys
import zlib
from typing import Any

import brotli
from script_server import reply

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

# How each secret begins. Any longer part of one is a leak.
MARKS = {
    "token": "canary-token-5f",
    "private key": "canary-private-key-17",
    "build parameter": "canary-build-parameter-c4",
    "Heroku key": "canary-heroku-key-90",
    "presigned URL": "canary-signature-b7",
    "env value": "canary-env-value-2e",
    "project token": "canary-project-token-a7",
    "cookie": "canary-cookie-63",
}
# Longer than what reporters cut strings at, because a slice of a secret shows more than the secret.
CANARIES = {name: f"{mark}-{'0123456789' * 9}" for name, mark in MARKS.items()}
TOKEN = CANARIES["token"]
PRIVATE_KEY = f"-----BEGIN KEY-----\n{CANARIES['private key']}\n-----END KEY-----\n"
PARAMETERS = {"DEPLOY_KEY": CANARIES["build parameter"]}
PRESIGNED = f"https://output.example/log?X-Amz-Signature={CANARIES['presigned URL']}"
# Where files are that are served by the same server as the API, which the token is for.
SIGNED = f"/log?X-Amz-Signature={CANARIES['presigned URL']}"
COOKIE = ("Set-Cookie", f"ring-session={CANARIES['cookie']}")


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


PROJECT = "gh/acme/web"
ME = {"login": "ada", "heroku_api_key": CANARIES["Heroku key"]}
CREATED = {"id": "1a", "label": "bot", "scope": "all", "token": CANARIES["project token"]}
BUILD = {
    "build_num": 7,
    "build_parameters": {"KEPT": CANARIES["env value"]},
    "steps": [{"name": "Tests", "actions": [{"name": "Tests", "output_url": PRESIGNED}]}],
}
OK = reply(200, ME, [COOKIE])
# A build, and what a key and a variable must have besides: a reply to every POST.
BUILT = reply(201, {**BUILD, "fingerprint": "c9:0b", "name": "DEPLOY_KEY"}, [COOKIE])
ECHO = f"Not with Circle-Token: {TOKEN}"
# Of a reply, all but its end.
CUT = as_json(ME)[:-3]
ME_AT_LENGTH = as_json({**ME, "noise": [str(n) for n in range(2000)]})
ME_ZIPPED = gzip.compress(ME_AT_LENGTH, mtime=0)
PACKERS = {
    "gzip": gzip.compress,
    "x-gzip": gzip.compress,
    "deflate": zlib.compress,
    "br": brotli.compress,
    "zstd": zstd.compress,
}


def packed(data: bytes, coding: str, *, cut: int = 0) -> bytes:
    """A reply of compressed data, without the last bytes."""
    body = PACKERS[coding](data)
    return reply(200, body[: len(body) - cut], [("Content-Encoding", coding)])
