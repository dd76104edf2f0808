"""The page of the Python API: what must stand on it, and that everything there says what it is."""

import inspect
import re
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest

from medweave.core.registry import Registry

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "reference" / "python.md"
SOURCE = ROOT / "src" / "medweave"
MODULES = re.findall(r"^::: (\S+)$", PAGE.read_text(encoding="utf-8"), re.M)


def _public(module: ModuleType) -> list[tuple[str, object]]:
    """Return the classes and functions that a module defines, and their own methods and properties."""
    found = []
    for name, entry in vars(module).items():
        if name.startswith("_") or getattr(entry, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(entry):
            found += [(f"{name}.{key}", part) for key, part in vars(entry).items() if _is_public_part(key, part)]
        if inspect.isclass(entry) or inspect.isfunction(entry):
            found.append((name, entry))
    return found


def _is_public_part(name: str, part: object) -> bool:
    return not name.startswith(("_", "test_", "pytest_")) and (inspect.isfunction(part) or isinstance(part, property))


def test_every_workflow_registry_and_contract_is_on_the_page() -> None:
    files = [path for path in SOURCE.rglob("*.py") if path.name != "__init__.py"]
    names = [".".join(path.relative_to(SOURCE.parent).with_suffix("").parts) for path in files]
    texts = {name: path.read_text(encoding="utf-8") for name, path in zip(names, files, strict=True)}
    wanted = {name for name in texts if name.startswith("medweave.workflows.") and "\ndef run(" in texts[name]}
    wanted |= {name for name in texts if name.startswith("medweave.testing.")}
    wanted |= {name for name, text in texts.items() if " = Registry(" in text}
    assert len(wanted) > 30
    assert wanted - {*MODULES} == set()


def test_no_module_is_on_the_page_twice() -> None:
    assert len(MODULES) == len(set(MODULES)) > 40


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_documented(name: str) -> None:
    module = import_module(name)
    public = _public(module)
    assert public
    assert [key for key, entry in public if not (inspect.getdoc(entry) or "").strip()] == []


@pytest.mark.parametrize("name", MODULES)
def test_every_registry_says_what_it_holds(name: str) -> None:
    source = inspect.getsource(import_module(name))
    registries = [key for key, entry in vars(import_module(name)).items() if isinstance(entry, Registry)]
    own = [key for key in registries if re.search(rf"^{key}: Registry", source, re.M)]
    documented = re.findall(r'^(\w+): Registry\[.*\] = Registry\((?:.*\)|\n.*\n\))\n""".+"""$', source, re.M)
    assert documented == own
