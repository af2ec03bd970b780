"""Repeatable options in the form KEY=VALUE."""

import click


def parse_pairs(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse the values of a repeatable option in the form KEY=VALUE."""
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        # The values may be secrets, so the message does not show them.
        raise click.BadParameter("expected KEY=VALUE.")
    return {name: value for name, _, value in pairs}
