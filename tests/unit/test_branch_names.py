"""The names of the workflows of branches, which the service percent-encodes where they are keys."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from circleci_v1_async import Branch, BranchWorkflow, Project, dumps, loads
from circleci_v1_async.converter import make_converter

# Recorded forms.
ENCODED = {"Build%2C%20Test%20%26%20Run": "Build, Test & Run", "Build%20Error": "Build Error", "ci_main": "ci_main"}


@pytest.mark.parametrize("field", ["latest_workflows", "latest_completed_workflows"])
@pytest.mark.parametrize("wrong", [{}, {"recent_builds": "none"}], ids=["fast", "tolerant"])
def test_names_of_workflows_are_decoded_in_both_ways(field: str, wrong: dict[str, str]):
    payload = {"branches": {"feature%2Fx": {field: {name: {"id": "a"} for name in ENCODED}, **wrong}}}
    expected = {name: BranchWorkflow(id="a") for name in ENCODED.values()}
    one = loads(json.dumps(payload), Project)
    (first, second) = loads(json.dumps([payload, payload]), list[Project])
    structured = make_converter().structure(payload, Project)
    for project in (one, first, second, structured):
        assert project.branches is not None
        assert getattr(project.branches["feature/x"], field) == expected


def test_names_of_workflows_are_written_as_the_service_writes_them():
    branch = Branch(latest_workflows={"Build, Test & Run": BranchWorkflow(id="a")})
    written = json.loads(dumps([Project(branches={"main": branch})]))[0]["branches"]["main"]
    assert list(written["latest_workflows"]) == ["Build%2C%20Test%20%26%20Run"]
    assert written["latest_completed_workflows"] is None


named = st.none() | st.dictionaries(st.text(max_size=9), st.builds(BranchWorkflow, id=st.text(max_size=3)), max_size=3)


@given(named, named)
def test_names_of_workflows_come_back_whatever_they_are(
    latest: dict[str, BranchWorkflow] | None, completed: dict[str, BranchWorkflow] | None
):
    project = Project(branches={"main": Branch(latest_workflows=latest, latest_completed_workflows=completed)})
    assert loads(dumps(project), Project) == project
