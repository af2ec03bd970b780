"""Where the token goes, and that signed URLs stay as they are."""

import socket
import ssl
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp.abc import AbstractResolver
from downloading import NAME, WEB, at, names
from faults.scenes import authority, facing
from script_server import ScriptServer, reply
from yarl import URL

from circleci_v1_async import (
    Artifact,
    CircleCISession,
    Download,
    DownloadStatus,
    RedirectError,
)
from circleci_v1_async._transport.urls import is_trusted
from circleci_v1_async.testing import FakeCircleCI

TOKEN = "a-token-nobody-sees"
CLOUD = "https://circleci.com/api/v1.1"
TRUST = [
    (CLOUD, "https://circleci.com/x", True),
    (CLOUD, "https://CircleCI.com./x", True),
    (CLOUD, "https://circleci.com:443/x", True),
    (CLOUD, "https://output.circle-artifacts.com/output/job/1/artifacts/0/x", True),
    (CLOUD, "https://140-9485764-gh.circle-artifacts.com/0/x", True),
    (CLOUD, "https://Output.Circle-Artifacts.COM./x", True),
    (CLOUD, "https://a.b.circle-artifacts.com/x", True),
    (CLOUD, "https://circle-artifacts.com/x", False),
    (CLOUD, "https://evilcircle-artifacts.com/x", False),
    (CLOUD, "https://evil-circle-artifacts.com/x", False),
    (CLOUD, "https://circle-artifacts.com.evil.example/x", False),
    (CLOUD, "https://evil.example/.circle-artifacts.com", False),
    (CLOUD, "https://evil.example?.circle-artifacts.com", False),
    (CLOUD, "https://evil.example#.circle-artifacts.com", False),
    (CLOUD, "https://evil.example:443/@output.circle-artifacts.com", False),
    (CLOUD, "https://output.circle-artifacts.com@evil.example/x", False),
    (CLOUD, "https://output.circle-artifacts.com:8443/x", False),
    (CLOUD, "https://output.circle-artifacts.com:80/x", False),
    (CLOUD, "http://output.circle-artifacts.com/x", False),
    (CLOUD, "http://output.circle-artifacts.com:443/x", False),
    (CLOUD, "http://circleci.com/x", False),
    (CLOUD, "https://circleci.com:8443/x", False),
    (CLOUD, "https://circleci.com.evil.example/x", False),
    (CLOUD, "https://app.circleci.com/x", False),
    (CLOUD, "https://bucket.s3.amazonaws.com/x?X-Amz-Signature=1", False),
    ("https://circleci.com:8443/api/v1.1", "https://output.circle-artifacts.com/x", False),
    ("https://ci.acme.example/api/v1.1", "https://output.circle-artifacts.com/x", False),
    ("https://ci.acme.example/api/v1.1", "https://ci.acme.example/artifacts/x", True),
    ("http://127.0.0.1:8080/api/v1.1", "http://127.0.0.1:8080/x", True),
    ("http://127.0.0.1:8080/api/v1.1", "http://127.0.0.1:8081/x", False),
    ("http://127.0.0.1:8080/api/v1.1", "http://localhost:8080/x", False),
]


@pytest.mark.fault(41)
@pytest.mark.parametrize(("base_url", "url", "trusted"), TRUST)
def test_the_token_is_for_the_api_and_for_the_artifacts_of_the_cloud(base_url: str, url: str, *, trusted: bool) -> None:
    assert is_trusted(URL(base_url), URL(url, encoded=True)) == trusted


@pytest.mark.fault(41)
@pytest.mark.parametrize(
    "url",
    [
        "https://output.circle-artifacts.com@evil.example/x",
        "https://user:password@output.circle-artifacts.com/x",
        "https://evil.example\\@output.circle-artifacts.com/x",
        "http://output.circle-artifacts.com/x",
        "ftp://output.circle-artifacts.com/x",
        "file:///etc/passwd",
        "https://output.circle-artifacts.com:port/x",
        "https://[x",
    ],
)
async def test_a_url_that_is_no_plain_one_is_not_asked_for_anything(url: str, tmp_path: Path) -> None:
    artifact = Artifact(path=NAME, url=url)
    async with CircleCISession(TOKEN) as ci:
        with pytest.raises(RedirectError):
            await ci.download_artifact(artifact, tmp_path / NAME)
        with pytest.raises(RedirectError):
            async with ci.open_artifact(artifact):
                raise AssertionError
        [download] = await ci.download_artifacts([artifact], tmp_path, on_error="yield").collect()
        assert isinstance(download.error, RedirectError)
    assert names(tmp_path) == []


class Roads(AbstractResolver):
    """Each host is a server on loopback, whatever the port."""

    def __init__(self, **servers: ScriptServer) -> None:
        self.servers = servers

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET) -> list[Any]:
        port = self.servers[host.replace(".", "_").replace("-", "_")].port
        return [{"hostname": host, "host": "127.0.0.1", "port": port, "family": family, "proto": 0, "flags": 0}]

    async def close(self) -> None:
        """There is nothing to close."""


def tls_of(host: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority().issue_cert(host).configure_cert(context)
    return context


@pytest.mark.fault(40, 41)
async def test_in_the_cloud_the_token_goes_to_the_artifacts_host_and_not_to_where_that_redirects(
    tmp_path: Path,
) -> None:
    hosts = ("circleci.com", "output.circle-artifacts.com", "bucket.s3.example", "evilcircle-artifacts.com")
    signed = "/a%2Fb~%7Ec//core.tar?X-Amz-Security-Token=a%2Bb/c==&e=%2f&plus=+&X-Amz-Signature=5f"
    listed = [
        {"path": NAME, "node_index": 0, "url": f"https://{hosts[1]}/0/{NAME}"},
        {"path": "evil", "node_index": 0, "url": f"https://{hosts[3]}/0/evil"},
    ]
    async with (
        ScriptServer(reply(200, listed), tls=tls_of(hosts[0])) as api,
        ScriptServer(reply(302, b"", [("Location", f"https://{hosts[2]}{signed}")]), tls=tls_of(hosts[1])) as output,
        ScriptServer(reply(200, b"data"), tls=tls_of(hosts[2])) as bucket,
        ScriptServer(reply(200, b"evil"), tls=tls_of(hosts[3])) as evil,
    ):
        trust = ssl.create_default_context()
        authority().configure_trust(trust)
        roads = Roads(
            circleci_com=api,
            output_circle_artifacts_com=output,
            bucket_s3_example=bucket,
            evilcircle_artifacts_com=evil,
        )
        connector = aiohttp.TCPConnector(ssl=trust, resolver=roads, use_dns_cache=False)
        async with aiohttp.ClientSession(connector=connector) as borrowed:
            ci = CircleCISession(TOKEN, session=borrowed)
            artifacts = await ci.list_build_artifacts(WEB, 1)
            await ci.download_artifacts(artifacts, tmp_path).collect()
    assert names(tmp_path) == [NAME, "evil"]
    assert [server.requests[0].headers.get("Circle-Token") for server in (api, output, bucket, evil)] == [
        *(TOKEN, TOKEN),
        *(None, None),
    ]
    assert TOKEN not in str([bucket.requests, evil.requests])
    assert [received.target for received in bucket.requests] == [signed]


@pytest.mark.fault(40)
async def test_a_signed_url_is_asked_for_byte_for_byte_and_without_credentials(tmp_path: Path) -> None:
    signed = "/a%2Fb~%7Ec//d e?X-Sig=a%2Bb/c==&e=%zz&x=+&ü=1"
    location = ("Location", "{}" + signed.replace(" ", "%20").encode().decode("latin-1"))
    async with ScriptServer(reply(200, b"data")) as bucket:
        redirect = reply(302, b"", [(location[0], location[1].format(bucket.origin))])
        async with facing(redirect) as scene:
            await scene.ci.download_artifact(at(scene.server), tmp_path / NAME)
            async with scene.ci.open_artifact(at(scene.server)) as stream:
                assert await stream.read() == b"data"
    for received in bucket.requests:
        assert received.target == signed.replace(" ", "%20").replace("ü", "%C3%BC")
        assert not received.headers.keys() & {"Circle-Token", "Authorization", "Cookie"}
        assert received.headers["Accept-Encoding"] == "identity"
    assert all("Circle-Token" in received.headers for received in scene.server.requests)


@pytest.mark.fault(40)
async def test_the_fake_serves_a_private_projects_artifact_by_way_of_a_signed_url(
    fake: FakeCircleCI, ci: CircleCISession, tmp_path: Path
) -> None:
    fake.add_project(WEB)
    fake.add_build(WEB)
    fake.add_artifact(WEB, 1, "a b/ü~?.txt", b"zero")
    [artifact] = await ci.list_build_artifacts(WEB, 1)
    download = await ci.download_artifact(artifact, tmp_path / "x")
    assert download == Download(artifact, tmp_path / "x", 4, DownloadStatus.DOWNLOADED, verified=True)
    assert (tmp_path / "x").read_bytes() == b"zero"
    assert [(request.site, "Circle-Token" in request.headers) for request in fake.requests[1:]] == [
        ("artifacts", True),
        ("storage", False),
    ]
