"""What the session asks for is what openapi.yml, with its overlay, says."""

import pytest
from contract import CALLS, CONTRACT, exchanges


@pytest.mark.parametrize("call", CALLS)
def test_the_request_is_one_that_the_contract_has(call: str):
    CONTRACT.check_request(exchanges()[call])


def test_every_operation_is_called():
    assert {exchange.request.operation for exchange in exchanges().values()} == CONTRACT.operations.keys()


def test_a_call_is_answered_as_the_operation_that_it_is_named_after():
    for call, exchange in exchanges().items():
        method, *variants = call.split(", ")
        expected = "list_branch_builds" if "branch" in variants else method
        assert exchange.request.operation == expected


@pytest.mark.parametrize("operation", CONTRACT.operations)
def test_every_parameter_is_sent_by_some_call(operation: str):
    requests = [e.request for e in exchanges().values() if e.request.operation == operation]
    terms = CONTRACT.operations[operation]
    body = terms.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})

    assert {name for request in requests for name, _ in request.query} == {
        parameter["name"] for parameter in terms.get("parameters", ()) if parameter["in"] == "query"
    }
    assert {name for request in requests for name in request.json or ()} == body.get("properties", {}).keys()
