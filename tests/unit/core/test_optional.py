import sys

import pytest

from medweave.core.errors import DependencyError
from medweave.core.optional import import_optional


def test_a_module_that_can_be_imported_is_returned():
    assert import_optional("medweave.core.errors") is sys.modules["medweave.core.errors"]


@pytest.mark.parametrize(("package", "extra"), [("torch", "train"), ("onnxruntime", "runtime"), ("onnx", "onnx")])
def test_an_absent_package_is_named_with_the_extra_that_brings_it(package, extra, tmp_path, monkeypatch):
    (tmp_path / "asking.py").write_text(f"import {package}.nowhere_at_all\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setitem(sys.modules, package, None)
    monkeypatch.delitem(sys.modules, "asking", raising=False)
    with pytest.raises(DependencyError, match=rf"'{package}', which is not installed. Fix: .*'medweave\[{extra}\]'"):
        import_optional("asking")


def test_an_absent_module_that_no_extra_brings_is_a_defect():
    with pytest.raises(ModuleNotFoundError, match=r"medweave\.nowhere"):
        import_optional("medweave.nowhere")
