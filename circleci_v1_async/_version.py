"""The version, which the package, its build and its User-Agent share."""

__version__ = "0.1.0"
