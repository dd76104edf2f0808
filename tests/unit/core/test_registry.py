import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from medweave.core.errors import UsageError
from medweave.core.registry import Registry, load_installed_plugins, load_plugins


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


def test_threads_that_look_up_first_at_one_time_all_find_everything(package: str, tmp_path: Path) -> None:
    module = tmp_path / "animals" / "pets" / "cat.py"
    module.write_text(f"import time\ntime.sleep(0.2)\n{module.read_text()}")
    registry = _registry(package)
    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(lambda _: registry.names(), range(2))) == [["cat"], ["cat"]]


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


def test_a_plug_in_under_a_built_in_name_is_refused_with_both_modules(
    package: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "my_cats.py").write_text("from animals import ANIMALS\n\n@ANIMALS.register('cat')\nclass Tom: ...\n")
    names = r"two animals are called 'cat': got (my_cats\.Tom and animals\.pets\.cat\.Cat|animals\..* and my_cats\.Tom)"
    load_plugins(["my_cats"])
    monkeypatch.delitem(sys.modules, "my_cats")
    with pytest.raises(UsageError, match=names):
        _registry(package).names()


@pytest.mark.parametrize(
    ("content", "got"),
    [
        ("import no_such_package", "ModuleNotFoundError: No module named 'no_such_package'"),
        ("def (", "SyntaxError: invalid syntax"),
        ("raise ValueError('a\\nb')", "ValueError: a b"),
    ],
)
def test_a_plug_in_that_fails_is_reported_in_one_line(content, got, tmp_path, monkeypatch) -> None:
    (tmp_path / "broken_plugin.py").write_text(content)
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(UsageError, match="plug-in module 'broken_plugin' cannot be imported") as caught:
        load_plugins(["broken_plugin"])
    assert caught.value.got.startswith(got)
    assert "\n" not in str(caught.value)


def test_plug_in_module_that_is_absent_is_reported() -> None:
    with pytest.raises(UsageError, match=r"'no_such_module' cannot be imported: got .*Fix: install it, put its folder"):
        load_plugins(["no_such_module"])


def test_a_registry_tells_which_components_are_of_plug_ins(package: str) -> None:
    registry = _registry(package)
    registry.register("dog")(type("Dog", (), {"__module__": "kennel.dogs"}))
    assert registry.plugin_module("cat") is None
    assert registry.plugin_module("dog") == "kennel.dogs"


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], None]]:
    """Install a distribution `zoo` whose entry point of medweave is the module `zoo_plugin` of some content."""

    def write(content: str) -> None:
        (tmp_path / "zoo-1.dist-info").mkdir()
        (tmp_path / "zoo-1.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: zoo\nVersion: 1\n")
        (tmp_path / "zoo-1.dist-info" / "entry_points.txt").write_text("[medweave.plugins]\nanimals = zoo_plugin\n")
        (tmp_path / "zoo_plugin.py").write_text(content)
        monkeypatch.syspath_prepend(tmp_path)

    load_installed_plugins.cache_clear()
    yield write
    load_installed_plugins.cache_clear()
    sys.modules.pop("zoo_plugin", None)


def test_an_installed_plug_in_is_found_at_the_first_look_up(package: str, install: Callable[[str], None]) -> None:
    install("from animals import ANIMALS\n\n@ANIMALS.register('emu')\ndef emu() -> None: ...\n")
    registry = _registry(package)
    assert registry.names() == ["cat", "emu"]
    assert registry.plugin_module("emu") == "zoo_plugin"


def test_an_installed_plug_in_that_fails_is_reported_with_its_package(
    package: str, install: Callable[[str], None]
) -> None:
    install("import no_such_package")
    with pytest.raises(
        UsageError, match=r"'zoo_plugin' cannot be imported: .*Fix: upgrade or uninstall the package zoo"
    ):
        _registry(package).names()


def test_an_installed_plug_in_that_lacks_pytorch_is_left_out_until_it_may_be_meant(
    package: str, install: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("import torch")
    monkeypatch.setitem(sys.modules, "torch", None)
    registry = _registry(package)
    assert registry.names() == ["cat"]
    with pytest.raises(UsageError, match=r"unknown animal 'emu'.*Fix: plug-in zoo_plugin needs torch, which is not"):
        registry.get("emu")


def test_a_component_in_a_module_of_its_name_is_found_without_the_others(package: str, tmp_path: Path) -> None:
    (tmp_path / "animals" / "dog.py").write_text(
        "from animals import ANIMALS\n\n@ANIMALS.register('dog')\nclass Dog:\n    pass\n"
    )
    registry = _registry(package)
    assert registry.get("dog").__name__ == "Dog"
    assert "animals.pets.cat" not in sys.modules
    assert registry.names() == ["cat", "dog"]


def test_a_module_that_registers_no_component_of_its_name_is_none(package: str, tmp_path: Path) -> None:
    (tmp_path / "animals" / "zebra.py").touch()
    with pytest.raises(UsageError, match="unknown animal 'zebra'"):
        _registry(package).get("zebra")
