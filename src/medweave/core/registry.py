"""Named components: a recipe says a name, a registry answers with the class or function.

A registry imports its home package (and thereby the built-in components) at the first look-up, so that
`medweave --help` and the recipe schema never import PyTorch.
"""

from collections.abc import Callable
from importlib import import_module
from importlib.metadata import entry_points
from pkgutil import walk_packages
from typing import Any, Generic, TypeVar

from medweave.core.errors import UsageError, did_you_mean

Component = Callable[..., Any]
ComponentT = TypeVar("ComponentT", bound=Component)


class Registry(Generic[ComponentT]):
    """A table from name to component.

    Args:
        kind: What is registered, in the singular, for messages ("encoder").
        home: Package whose modules register the built-in components.
    """

    def __init__(self, kind: str, *, home: str) -> None:
        self.kind = kind
        self.home = home
        self._components: dict[str, ComponentT] = {}
        self._is_loaded = False

    def register(self, name: str) -> Callable[[ComponentT], ComponentT]:
        """Return a decorator that registers a class or function under `name`.

        Raises:
            UsageError: The name is taken by another component.
        """

        def add(component: ComponentT) -> ComponentT:
            known = self._components.get(name)
            if known is not None and _origin(known) != _origin(component):
                raise UsageError(
                    f"two {self.kind}s are called {name!r}",
                    got=f"{_origin(known)} and {_origin(component)}",
                    fix="give one of them another name.",
                )
            self._components[name] = component
            return component

        return add

    def names(self) -> list[str]:
        """Return all registered names, sorted."""
        self._load()
        return sorted(self._components)

    def get(self, name: str) -> ComponentT:
        """Return the component called `name`.

        Raises:
            UsageError: No component has that name; the message lists those that exist.
        """
        self._load()
        if name not in self._components:
            raise UsageError(
                f"unknown {self.kind} {name!r}.{did_you_mean(name, self._components)}",
                wanted=f"one of {', '.join(self.names())}",
            )
        return self._components[name]

    def _load(self) -> None:
        if self._is_loaded:
            return
        self._is_loaded = True
        package = import_module(self.home)
        for module in walk_packages(package.__path__, prefix=f"{self.home}."):
            import_module(module.name)


def _origin(component: Component) -> str:
    return f"{component.__module__}.{component.__qualname__}"


def load_plugins(modules: list[str]) -> None:
    """Import plug-in modules so that they register their components.

    Args:
        modules: Module names from a recipe's `plugins`; installed entry points of the group
            `medweave.plugins` are imported as well.

    Raises:
        UsageError: A module cannot be imported.
    """
    installed = [entry_point.module for entry_point in entry_points(group="medweave.plugins")]
    for name in [*installed, *modules]:
        try:
            import_module(name)
        except ImportError as error:
            raise UsageError(
                f"plug-in module {name!r} cannot be imported", got=error, fix="install it or correct `plugins`."
            ) from error
