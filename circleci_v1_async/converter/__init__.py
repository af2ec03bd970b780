"""The converter between JSON and models: `make_converter`, which takes your structure hooks."""

from ._converter import CircleCIConverter, make_converter

__all__ = ["CircleCIConverter", "make_converter"]
