"""Show signatures in the reference as users see them: an extension of griffe, which mkdocstrings loads."""

import ast
import re
from typing import Any

import griffe

_CONSTANT = re.compile("_?[A-Z][A-Z_]*")
_MANAGER = "contextlib.asynccontextmanager"


class Signatures(griffe.Extension):
    """Replace constants among the defaults by their values, and generators by the context managers that they become."""

    def on_attribute(self, *, attr: griffe.Attribute, **_: Any) -> None:
        """Drop the labels that say where an attribute is assigned."""
        attr.labels -= {"class-attribute", "instance-attribute", "module-attribute"}

    def on_function(self, *, func: griffe.Function, **_: Any) -> None:
        """Change a function after griffe has read it."""
        for parameter in func.parameters:
            if _CONSTANT.fullmatch(str(parameter.default)):
                parameter.default = _constant(func, str(parameter.default))
        if any(decorator.callable_path == _MANAGER for decorator in func.decorators):
            func.labels.discard("async")
            item = str(func.returns).partition("[")[2].partition(",")[0]
            func.returns = f"AbstractAsyncContextManager[{item}]"


def _constant(func: griffe.Function, name: str) -> str:
    """Return the literal that a module's constant has, else three dots."""
    constant = func.module.members.get(name)
    try:
        ast.literal_eval(str(constant.value))
    except (AttributeError, ValueError, SyntaxError):
        return "..."
    return str(constant.value)
