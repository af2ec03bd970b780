"""The converter between JSON and models, with support for your structure hooks, and `loads`."""

from circleci_v1_async._core.faces import show_as_home

from ._converter import CircleCIConverter, loads, make_converter

__all__ = ["CircleCIConverter", "loads", "make_converter"]

show_as_home(__name__)
