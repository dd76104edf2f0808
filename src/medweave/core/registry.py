"""Named components: a recipe says a name, a registry answers with the class or function.

A registry imports its home package (and thereby the built-in components) and the installed plug-ins at the first
look-up, so that `medweave --help` and the recipe schema never import PyTorch. A component in a module of its own name
is found without the others, so that prediction with a network of medweave's own layers never imports MONAI.
"""

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import import_module
from importlib.metadata import entry_points
from importlib.util import find_spec
from pkgutil import walk_packages
from threading import RLock
from typing import Any, Generic, TypeVar

from medweave.core.errors import MedweaveError, UsageError, did_you_mean
from medweave.core.logging import get_logger
from medweave.core.optional import EXTRAS

#: Entry points of installed packages whose modules register components.
ENTRY_POINTS = "medweave.plugins"

Component = Callable[..., Any]
ComponentT = TypeVar("ComponentT", bound=Component)

logger = get_logger(__name__)

#: Held by who imports components: another thread waits for all of them, and a component may look others up.
_LOADING = RLock()


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
        self._load_namesake(name)
        if name not in self._components:
            self._load()
        if name not in self._components:
            lacking = [f"plug-in {module} needs {package}" for module, package in load_installed_plugins().items()]
            raise UsageError(
                f"unknown {self.kind} {name!r}.{did_you_mean(name, self._components)}",
                wanted=f"one of {', '.join(self.names())}",
                fix=f"{'; '.join(lacking)}, which is not installed." if lacking else None,
            )
        return self._components[name]

    def plugin_module(self, name: str) -> str | None:
        """Return the module that a component of a plug-in comes from, None for a built-in one.

        Raises:
            UsageError: No component has that name.
        """
        module = self.get(name).__module__
        return None if module.partition(".")[0] == self.home.partition(".")[0] else module

    def _load_namesake(self, name: str) -> None:
        """Import the home's module that is called as the component, if there is one: all of them take seconds."""
        with _LOADING:
            if name not in self._components and not self._is_loaded and name.isidentifier():
                module = f"{self.home}.{name}"
                if find_spec(module) is not None:
                    import_module(module)

    def _load(self) -> None:
        with _LOADING:
            if self._is_loaded:
                return
            self._is_loaded = True
            package = import_module(self.home)
            for module in walk_packages(package.__path__, prefix=f"{self.home}."):
                import_module(module.name)
            load_installed_plugins()


def _origin(component: Component) -> str:
    return f"{component.__module__}.{component.__qualname__}"


def load_plugins(modules: Iterable[str]) -> None:
    """Import plug-in modules so that they register their components.

    Args:
        modules: Module names from a recipe's `plugins`.

    Raises:
        UsageError: A module cannot be imported, or registers a name that is taken.
    """
    for name in modules:
        _import_plugin(name, fix="install it, put its folder on PYTHONPATH, or correct `plugins`.")


@cache
def load_installed_plugins() -> Mapping[str, str]:
    """Import the modules of all entry points of the group `medweave.plugins`, once.

    Returns:
        The package that is missing, by plug-in module, where it is one of medweave's extras: an installation that only
        predicts has no use for an encoder, and no PyTorch to import it with.

    Raises:
        UsageError: A module cannot be imported for another reason, or registers a name that is taken.
    """
    lacking = {}
    for entry_point in entry_points(group=ENTRY_POINTS):
        package = entry_point.dist.name if entry_point.dist else entry_point.name
        try:
            _import_plugin(entry_point.module, fix=f"upgrade or uninstall the package {package}.")
        except UsageError as error:
            missing = getattr(error.__cause__, "name", None)
            if not isinstance(error.__cause__, ModuleNotFoundError) or missing not in EXTRAS:
                raise
            logger.info("plug-in %s is left out: %s is not installed", entry_point.module, missing)
            lacking[entry_point.module] = str(missing)
    return lacking


def _import_plugin(name: str, *, fix: str) -> None:
    try:
        import_module(name)
    except MedweaveError:
        raise
    except Exception as error:
        reason = " ".join(str(error).split())
        raise UsageError(
            f"plug-in module {name!r} cannot be imported", got=f"{type(error).__name__}: {reason}", fix=fix
        ) from error
