"""Commands run where no checkout and no CircleCI job names a project."""

import pytest

from circleci_v1_async._cli.targets import PROJECT_VARIABLES


@pytest.fixture(autouse=True)
def outside_of_checkouts(tmp_path_factory, monkeypatch):
    monkeypatch.chdir(tmp_path_factory.mktemp("elsewhere"))
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", "/")
    for name in (*PROJECT_VARIABLES, "CIRCLE_REPOSITORY_URL", "CIRCLE_BUILD_URL"):
        monkeypatch.delenv(name, raising=False)
