"""All nouns: the routes of each part of the service, and the builders that tests use."""

from typing import Final

from circleci_v1_async.testing._nouns import (
    artifacts,
    builds,
    keys,
    lists,
    pipelines,
    projects,
    steps,
    tests,
    tokens,
    triggers,
    user,
    variables,
)
from circleci_v1_async.testing._server.routing import Site
from circleci_v1_async.testing._server.wire import API_PREFIX, V2_PREFIX, Reply, SiteName

_NOUNS: Final = (
    *(artifacts, builds, keys, lists, pipelines, projects, steps, tests, tokens, triggers, user, variables),
)
_ROUTES: Final = tuple(route for noun in _NOUNS for route in noun.ROUTES)
SITES: Final[dict[SiteName, Site]] = {
    "api": Site(API_PREFIX, tuple(route for route in _ROUTES if route.site == "api")),
    "v2": Site(V2_PREFIX, tuple(route for route in _ROUTES if route.site == "v2")),
    "artifacts": Site("", tuple(route for route in _ROUTES if route.site == "artifacts")),
    "storage": Site(
        "",
        tuple(route for route in _ROUTES if route.site == "storage"),
        not_found=Reply.xml_error(403, "AccessDenied", "Access Denied"),
    ),
}
LISTS: Final = frozenset(route.name for route in lists.ROUTES)


class Builders(
    artifacts.ArtifactBuilders,
    builds.BuildBuilders,
    keys.KeyBuilders,
    projects.ProjectBuilders,
    steps.StepBuilders,
    tests.TestBuilders,
    tokens.TokenBuilders,
    triggers.TriggerBuilders,
    user.UserBuilders,
    variables.VariableBuilders,
):
    """All nouns' methods that build the state of an account. They do not use other nouns' methods."""
