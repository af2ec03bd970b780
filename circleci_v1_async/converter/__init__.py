"""The converter between JSON and models: `make_converter`, which takes your structure hooks."""

from circleci_v1_async._core.faces import show_as_home

from ._converter import CircleCIConverter, make_converter

__all__ = ["CircleCIConverter", "make_converter"]

show_as_home(__name__)
