import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper

from medweave.core.errors import DependencyError, RunError
from medweave.inference.backends.onnx import OnnxBackend

FLOAT = TensorProto.FLOAT


@pytest.fixture
def two_inputs(tmp_path):
    """A network that answers with the first input where it is present, else with the second."""
    nodes = [
        helper.make_node("Split", ["present"], ["first", "second"], axis=1, num_outputs=2),
        helper.make_node("ReduceMax", ["image.mri", "space"], ["of_mri"], keepdims=0),
        helper.make_node("ReduceMax", ["image.xray", "plane"], ["of_xray"], keepdims=0),
        helper.make_node("Where", ["first", "of_mri", "of_xray"], ["brightest"]),
    ]
    graph = helper.make_graph(
        nodes,
        "by_hand",
        [
            helper.make_tensor_value_info("image.mri", FLOAT, ["b", 1, "x", "y", "z"]),
            helper.make_tensor_value_info("image.xray", FLOAT, ["b", 1, "x", "y"]),
            helper.make_tensor_value_info("present", TensorProto.BOOL, ["b", 2]),
        ],
        [helper.make_tensor_value_info("brightest", FLOAT, ["b", 1])],
        [
            helper.make_tensor("space", TensorProto.INT64, [3], [2, 3, 4]),
            helper.make_tensor("plane", TensorProto.INT64, [2], [2, 3]),
        ],
    )
    path = tmp_path / "model.onnx"
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10), path)
    return path


def _backend(path, **settings):
    return OnnxBackend(path, inputs=("mri", "xray"), size_divisors={"mri": (1, 1, 1), "xray": (1, 1)}, **settings)


def test_each_sample_is_answered_by_the_inputs_that_it_has(two_inputs):
    images = {
        "mri": np.arange(2 * 8, dtype=np.float32).reshape(2, 1, 2, 2, 2)[..., ::-1],
        "xray": np.full((2, 1, 3, 3), 100, np.float32),
    }
    present = {"mri": np.array([True, False]), "xray": np.array([False, True])}
    assert _backend(two_inputs)(images, present)["brightest"].tolist() == [[7], [100]]


def test_a_file_that_is_no_network_is_refused(tmp_path):
    (tmp_path / "model.onnx").write_bytes(b"\0" * 40)
    with pytest.raises(RunError, match=r"the network cannot be loaded .*model\.onnx"):
        _backend(tmp_path / "model.onnx")


@pytest.mark.parametrize(("provider", "package"), [("cuda", "onnxruntime-gpu"), ("openvino", "onnxruntime-openvino")])
def test_a_provider_that_is_not_installed_is_refused_with_what_to_install(two_inputs, provider, package, monkeypatch):
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CPUExecutionProvider"])
    with pytest.raises(DependencyError, match=rf"{provider}.*not in this installation.*Fix: pip install {package}"):
        _backend(two_inputs, provider=provider)


def test_a_provider_that_falls_back_to_the_processor_is_refused(two_inputs, monkeypatch):
    session = onnxruntime.InferenceSession(str(two_inputs), providers=["CPUExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: ["CUDAExecutionProvider"])
    monkeypatch.setattr(onnxruntime, "InferenceSession", lambda *_, **__: session)
    with pytest.raises(DependencyError, match="its libraries or device are absent"):
        _backend(two_inputs, provider="cuda")
