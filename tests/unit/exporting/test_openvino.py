import sys
from types import SimpleNamespace

import pytest

from medweave.core.errors import DependencyError
from medweave.exporting.openvino import write_openvino


def test_each_network_is_converted_beside_itself(tmp_path, monkeypatch):
    saved = []
    fake = SimpleNamespace(
        convert_model=lambda path: f"model of {path.name}",
        save_model=lambda model, path: saved.append((model, path.name)),
    )
    monkeypatch.setitem(sys.modules, "openvino", fake)
    written = write_openvino([tmp_path / "model_0.onnx", tmp_path / "model_1.onnx"])
    assert [path.name for path in written] == ["model_0.xml", "model_1.xml"]
    assert saved == [("model of model_0.onnx", "model_0.xml"), ("model of model_1.onnx", "model_1.xml")]


def test_without_openvino_its_extra_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(DependencyError, match=r"'openvino', which is not installed. Fix: pip install .*\[openvino\]"):
        write_openvino([tmp_path / "model.onnx"])
