"""Options that take KEY=VALUE more than once."""

import click

__all__ = ["parse_pairs"]


def parse_pairs(_ctx: click.Context, _param: click.Parameter, values: tuple[str, ...]) -> dict[str, str]:
    """Parse the values of an option that takes KEY=VALUE more than once."""
    pairs = [value.partition("=") for value in values]
    if not all(name and equals for name, equals, _ in pairs):
        # They may be secrets, and are not shown.
        raise click.BadParameter("expected KEY=VALUE.")
    return {name: value for name, _, value in pairs}
