import sys
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

import pytest

from medweave.core.errors import UsageError
from medweave.core.registry import Registry, load_plugins


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """A package `animals` with a registry and, in a sub-package, the module that registers "cat"."""
    root = tmp_path / "animals"
    (root / "pets").mkdir(parents=True)
    (root / "__init__.py").write_text(
        "from medweave.core.registry import Registry\nANIMALS = Registry('animal', home='animals')\n"
    )
    (root / "pets" / "__init__.py").touch()
    (root / "pets" / "cat.py").write_text(
        "from animals import ANIMALS\n\n@ANIMALS.register('cat')\nclass Cat:\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield "animals"
    for name in [name for name in sys.modules if name.split(".")[0] == "animals"]:
        del sys.modules[name]


def _registry(home: str) -> Registry:
    __import__(home)
    return sys.modules[home].ANIMALS


def test_first_look_up_imports_the_home_package(package: str) -> None:
    registry = _registry(package)
    assert "animals.pets.cat" not in sys.modules
    assert registry.names() == ["cat"]
    assert registry.get("cat").__name__ == "Cat"


def test_unknown_name_lists_the_names_and_suggests_one(package: str) -> None:
    with pytest.raises(UsageError, match=r"unknown animal 'cast'\. Did you mean 'cat'\? Wanted one of cat"):
        _registry(package).get("cast")


def test_second_component_of_one_name_is_refused(package: str) -> None:
    registry = _registry(package)
    first, second = type("First", (), {}), type("Second", (), {})
    registry.register("dog")(first)
    with pytest.raises(UsageError, match=r"two animals are called 'dog': got .*First and .*Second"):
        registry.register("dog")(second)
    assert registry.get("dog") is first


def test_module_that_is_imported_again_replaces_its_component(package: str) -> None:
    registry = _registry(package)
    first, reloaded = (type("Dog", (), {}) for _ in range(2))
    registry.register("dog")(first)
    assert registry.register("dog")(reloaded) is reloaded
    assert registry.get("dog") is reloaded


def test_plug_in_module_is_imported_and_registers(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_plugin.py").write_text(
        "from animals import ANIMALS\n\n@ANIMALS.register('emu')\ndef emu() -> None: ...\n"
    )
    load_plugins(["my_plugin"])
    monkeypatch.delitem(sys.modules, "my_plugin")
    assert _registry(package).names() == ["cat", "emu"]


def test_installed_plug_in_is_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = EntryPoint(name="mine", value="colorsys:rgb_to_hsv", group="medweave.plugins")
    monkeypatch.setattr("medweave.core.registry.entry_points", lambda group: [installed] * (group == installed.group))
    monkeypatch.delitem(sys.modules, "colorsys", raising=False)
    load_plugins([])
    assert "colorsys" in sys.modules


def test_plug_in_module_that_is_absent_is_reported() -> None:
    with pytest.raises(UsageError, match=r"plug-in module 'no_such_module' cannot be imported: got No module named"):
        load_plugins(["no_such_module"])
