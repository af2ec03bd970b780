"""Requests and replies as values."""

import inspect
import pickle
from typing import Any
from urllib.parse import unquote

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict
from yarl import URL

from circleci_v1_async import Build, BuildFilter, InvalidInputError, ProjectSlug, Request
from circleci_v1_async._core.secret import RedactedStr
from circleci_v1_async.request import Reply, make_file_request

BASE = "https://circleci.com/api/v1.1"


def on_branch(branch: object) -> Request[Any]:
    return Request("GET", "/tree/{branch}", {"branch": branch})


@pytest.mark.fault(45)
@pytest.mark.parametrize(
    ("value", "segment"),
    [
        ("main", "main"),
        ("feature/x", "feature%2Fx"),
        ("../../envvar", "..%2F..%2Fenvvar"),
        ("/", "%2F"),
        ("...", "..."),
        (".git", ".git"),
        ("a b#1?x", "a%20b%231%3Fx"),
        ("a?b#c", "a%3Fb%23c"),
        ("a+b", "a%2Bb"),
        ("a&b=c", "a%26b%3Dc"),
        ("100%", "100%25"),
        ("%2e%2e", "%252e%252e"),
        ("%2F", "%252F"),
        ("SHA256:ab/c+d=", "SHA256%3Aab%2Fc%2Bd%3D"),
        ("ünï", "%C3%BCn%C3%AF"),
        ("😀", "%F0%9F%98%80"),
        ("a\u2028b", "a%E2%80%A8b"),
        ("~a-b_c.d", "~a-b_c.d"),
        ("{branch}", "%7Bbranch%7D"),
        (7, "7"),
        (-1, "-1"),
        (BuildFilter.FAILED, "failed"),
        (RedactedStr("key"), "key"),
        (ProjectSlug("gh", "a b", "c#d"), "github/a%20b/c%23d"),
    ],
)
def test_a_path_value_is_quoted_so_that_it_arrives_as_it_is(value: object, segment: str):
    assert on_branch(value).target == f"/tree/{segment}"


@pytest.mark.fault(45)
@given(
    st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), min_size=1).filter(lambda s: s not in {".", ".."})
)
def test_any_text_is_exactly_one_segment_of_the_url(value: str):
    url = URL(BASE + on_branch(value).target, encoded=True)
    *_, tree, segment = url.raw_path.split("/")
    assert (tree, unquote(segment)) == ("tree", value)
    assert url.raw_path.count("/") == 4
    assert not url.raw_query_string
    assert not url.raw_fragment


@pytest.mark.fault(45)
@pytest.mark.parametrize(
    "value", ["", ".", "..", "a\nb", "a\r", "\x00", "\x1f", "a\x7f", "a\tb", True, False, 1.5, None, b"main", ["main"]]
)
def test_a_value_that_cannot_be_a_segment_is_refused(value: object):
    with pytest.raises(InvalidInputError, match=r"^branch: expected a non-empty string, not '\.' or '\.\.', without"):
        _ = on_branch(value).target


@pytest.mark.fault(45)
@pytest.mark.parametrize("value", ["\ud800", "a\udfffb"])
def test_a_lone_surrogate_is_refused_as_a_segment_and_in_a_query(value: str):
    with pytest.raises(InvalidInputError, match=r"^branch: expected text without lone surrogates"):
        _ = on_branch(value).target
    with pytest.raises(InvalidInputError, match=r"^name: expected text without lone surrogates"):
        _ = Request("GET", "/me", query={"name": value}).target
    with pytest.raises(InvalidInputError, match=r"^query: expected text without lone surrogates"):
        _ = Request("GET", "/me", query={value: "name"}).target


@pytest.mark.fault(45)
@pytest.mark.parametrize("part", [".", "..", "a\nb"])
def test_a_part_of_a_slug_is_held_to_the_same_rule(part: str):
    with pytest.raises(InvalidInputError, match=r"^project: expected a non-empty string"):
        _ = Request("GET", "/project/{project}", {"project": ProjectSlug("gh", "acme", part)}).target


def test_values_are_put_where_the_path_says():
    request = Request("GET", "/project/{project}/{n}/{n}", {"project": ProjectSlug.parse("gh/a/{n}"), "n": 7})
    assert request.target == "/project/github/a/%7Bn%7D/7/7"


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ({}, ""),
        ({"limit": 30, "offset": 0}, "?limit=30&offset=0"),
        ({"shallow": True, "mine": False}, "?shallow=true&mine=false"),
        ({"filter": None, "limit": 1}, "?limit=1"),
        ({"filter": None}, ""),
        ({"branch": "a b&c=d+e/ü"}, "?branch=a%20b%26c%3Dd%2Be%2F%C3%BC"),
        ({"branch": ""}, "?branch="),
        ({"filter": BuildFilter.FAILED}, "?filter=failed"),
        ({"circle token": "x"}, "?circle%20token=x"),
        ({"a=b&c": "x"}, "?a%3Db%26c=x"),
    ],
)
def test_a_query_is_quoted_and_what_is_none_is_left_out(query: dict[str, Any], text: str):
    assert Request("GET", "/me", query=query).target == f"/me{text}"


@pytest.mark.parametrize("value", [1.5, b"x", ["x"], {}])
def test_a_query_value_of_another_type_is_refused(value: object):
    with pytest.raises(
        InvalidInputError,
        match=r"^query name: expected a string, an integer or a boolean; got (float|bytes|list|dict)$",
    ):
        _ = Request("GET", "/me", query={"name": value}).target


@pytest.mark.parametrize(
    ("path", "values", "expected"),
    [
        ("/{a}", {}, "expected ['a'] for /{a}, got []"),
        ("/{a}/{b}", {"a": 1}, "expected ['a', 'b'] for /{a}/{b}, got ['a']"),
        ("/me", {"a": 1}, "expected [] for /me, got ['a']"),
        ("/{a}", {"b": 1}, "expected ['a'] for /{a}, got ['b']"),
    ],
)
def test_each_placeholder_has_a_value_and_each_value_a_placeholder(path: str, values: dict[str, Any], expected: str):
    with pytest.raises(InvalidInputError) as caught:
        Request("GET", path, values)
    assert str(caught.value) == f"path_values: {expected}"


@pytest.mark.parametrize("method", ["", "get", "G E T", "GET\r\n", "GET\nX", "1"])
def test_a_method_that_is_none_is_refused(method: str):
    with pytest.raises(InvalidInputError, match=r"^method: expected an HTTP method in capitals"):
        Request(method, "/me")


@pytest.mark.parametrize(
    "path", ["", "me", "https://evil.example/", "/me?x=1", "/me#x", "/a b", "/a\r\nX-Evil: y", "/ü", "/\ud800", "/a\n"]
)
def test_a_path_that_is_none_is_refused(path: str):
    with pytest.raises(InvalidInputError, match=r"^path: expected '/' and then visible ASCII"):
        Request("GET", path)


@pytest.mark.parametrize(
    ("method", "idempotent"),
    [("GET", True), ("HEAD", True), ("PUT", True), ("DELETE", True), ("POST", False), ("PATCH", False)],
)
def test_the_method_says_whether_a_request_may_be_sent_twice_unless_the_caller_does(method: str, idempotent: bool):  # noqa: FBT001 - a column
    assert Request(method, "/me").idempotent is idempotent
    assert Request(method, "/me", idempotent=not idempotent).idempotent is not idempotent


@pytest.mark.parametrize(
    ("url", "target"),
    [
        ("https://files.example/a/b.txt?signature=s3cret", "/a/b.txt"),
        ("https://files.example", "/"),
        ("https://files.example/a%20b/{c}/(d)~", "/a%20b/%7Bc%7D/(d)~"),
        ("https://files.example/a:b@c;d=e,f!$&'*+-._", "/a:b@c;d=e,f!$&'*+-._"),
        ("https://files.example/\xfc\ud800", "/%C3%BC%3F"),
    ],
)
def test_a_request_for_a_file_shows_the_path_without_the_query(url: str, target: str):
    request = make_file_request(URL(url, encoded=True))
    assert (request.method, request.target) == ("GET", target)


def test_without_returns_the_json_comes_as_it_is():
    assert Request("GET", "/me").returns is Any
    assert Request("GET", "/me", returns=None).returns is None
    assert Request("GET", "/me", returns=list[Build]).returns == list[Build]


POST = Request(
    "POST",
    "/project/{project}",
    {"project": ProjectSlug.parse("gh/acme/web")},
    query={"a": 1, "b": None},
    body={"key": "s3cret"},
    returns=list[Build],
    idempotent=True,
)


@pytest.mark.fault(42)
@pytest.mark.parametrize(("method", "path"), [("post", "/me"), ("POST", "me"), ("POST", "/{name}")])
def test_a_request_that_cannot_be_made_has_a_repr_for_tracebacks_that_show_variables(method: str, path: str):
    with pytest.raises(InvalidInputError) as caught:
        Request(method, path, body="s3cret")
    traceback = caught.value.__traceback__
    assert traceback is not None
    assert traceback.tb_next is not None
    shown = repr(traceback.tb_next.tb_frame.f_locals)
    assert f"Request(method={method!r}, path={path!r}" in shown
    assert "s3cret" not in shown


@pytest.mark.fault(42)
def test_a_body_is_in_no_repr():
    assert "s3cret" not in repr(POST)
    assert "s3cret" not in str(POST)


def test_a_request_prints_as_the_label_of_the_call():
    assert str(POST) == "POST /project/{project}"


def test_without_its_body_a_request_is_otherwise_the_same():
    assert POST.without_body() == attrs.evolve(POST, body=None)
    assert POST.without_body().body is None
    assert (POST.without_body().target, POST.without_body().idempotent) == (POST.target, True)
    bare = Request("GET", "/me")
    assert bare.without_body() is bare


def test_further_query_parameters_leave_the_request_as_it_was():
    assert POST.with_query(limit=5, a=2).target == "/project/github/acme/web?a=2&limit=5"
    assert POST.with_query(a=None).target == "/project/github/acme/web"
    assert POST.target == "/project/github/acme/web?a=1"
    assert POST.with_query(limit=5).body == POST.body


def test_requests_are_values():
    assert pickle.loads(pickle.dumps(POST)) == POST  # noqa: S301 - our own
    assert POST.without_body() != POST
    assert not hasattr(POST, "__dict__")
    with pytest.raises(AttributeError):
        POST.method = "GET"


def test_what_a_request_was_made_of_may_change_afterwards():
    values, query = {"branch": "main"}, {"limit": 1}
    request = Request("GET", "/tree/{branch}", values, query=query)
    values["branch"], query["limit"] = "other", 2
    assert request.target == "/tree/main?limit=1"


REPLY = Reply(
    429,
    CIMultiDict(
        [("Set-Cookie", "s3cret"), ("Via", "a"), ("via", "b"), ("LOCATION", "s3cret"), ("X-Request-Id", "id-2")]
    ),
    b"s3cret",
)


def test_safe_headers_are_without_cookies_and_locations_and_pickle():
    shown = pickle.loads(pickle.dumps(REPLY.safe_headers))  # noqa: S301 - our own
    assert list(shown.items()) == [("Via", "a"), ("via", "b"), ("X-Request-Id", "id-2")]
    assert shown["x-request-id"] == "id-2"


@pytest.mark.fault(42)
def test_the_body_of_a_reply_is_in_no_repr():
    assert "body" not in repr(REPLY)


@pytest.mark.parametrize(
    ("headers", "request_id"),
    [
        ({"X-Circleci-Request-Id": "id-1", "X-Request-Id": "id-2"}, "id-1"),
        ({"x-circleci-request-id": "", "x-request-id": "id-2"}, "id-2"),
        ({}, None),
    ],
)
def test_the_id_of_an_exchange_is_what_the_service_calls_it(headers: dict[str, str], request_id: str | None):
    assert Reply(200, CIMultiDict(headers), b"").request_id == request_id


@pytest.mark.parametrize(
    "project", ["gh/acme/web", "https://circleci.com/gh/acme/web/7", ProjectSlug("gh", "acme", "web")]
)
def test_a_project_is_read_as_everywhere_else(project: object):
    slug = ProjectSlug("github", "acme", "web")
    assert Request("GET", "/project/{project}", {"project": project}).path_values == {"project": slug}
    assert Request("GET", "/project/{project}/7/x", {"project": project}).target == "/project/github/acme/web/7/x"


def test_a_string_that_is_no_project_is_refused_where_one_belongs():
    with pytest.raises(InvalidInputError, match="expected a project as 'github/org/repo'"):
        Request("GET", "/project/{project}/7", {"project": "web"})
    assert Request("GET", "/project/gh/acme/{project}", {"project": "web"}).target == "/project/gh/acme/web"
    assert Request("GET", "/projects/{project}", {"project": "a/b"}).target == "/projects/a%2Fb"


@pytest.mark.parametrize("name", ["Circle-Token", "circle-token", "AUTHORIZATION", "Cookie", "Host", "Content-Length"])
def test_headers_that_the_session_sends_itself_are_refused(name: str):
    with pytest.raises(InvalidInputError, match=f"expected none that the session sends itself, got '{name}'$"):
        Request("GET", "/me", headers={name: "s3cret"})


@pytest.mark.parametrize("headers", [{"": "a"}, {"A B": "a"}, {"A\n": "a"}, {"Ä": "a"}, {7: "a"}, {"A": "1", "a": "2"}])
def test_a_name_that_is_no_name_of_a_header_is_refused(headers: Any):
    with pytest.raises(InvalidInputError, match=r"^headers: expected names of HTTP headers, each once, got"):
        Request("GET", "/me", headers=headers)


@pytest.mark.parametrize(
    "value", ["s3cret\r\nHost: a", "s3\x00", "s3\x7f", "s3\t", "s3é", "s3\ud800", " s3", "s3 ", "", 3, None]
)
def test_a_value_that_cannot_be_a_headers_is_refused_without_showing_it(value: Any):
    with pytest.raises(InvalidInputError, match=r"^headers: expected visible ASCII, .* for 'X-Key'$") as caught:
        Request("GET", "/me", headers={"X-Key": value})
    frames = inspect.getinnerframes(caught.value.__traceback__)[1:]
    variables = repr([frame.frame.f_locals.get("headers") for frame in frames])
    assert "s3" not in variables


def test_headers_of_a_request_are_in_no_repr_and_in_no_error():
    own = {"X-Key": "s3cret"}
    request = Request("GET", "/me", headers=own)
    own["X-Key"] = "other"
    assert request.headers == {"X-Key": "s3cret"}
    assert "s3cret" not in repr(request)
    assert request.without_body().headers == {}
    assert request.with_query(limit=1).headers == {"X-Key": "s3cret"}
