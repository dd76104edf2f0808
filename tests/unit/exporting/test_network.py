import logging

import numpy as np
import onnx
import pytest
import torch
from torch.nn.modules.instancenorm import _InstanceNorm

from medweave.core.errors import RunError
from medweave.exporting import network
from medweave.exporting.network import OPSET, ExportedNetwork, export_network
from medweave.exporting.reference import in_full_precision
from medweave.inference.backends.onnx import OnnxBackend
from medweave.models.encoders.encoder import Encoder
from medweave.models.multitask import MultiTaskModel


@pytest.fixture(scope="module")
def graph(predictor, tmp_path_factory):
    """The network of two inputs as ONNX."""
    path = tmp_path_factory.mktemp("network") / "model.onnx"
    export_network(predictor.networks[0].model, path, n_channels={"mri": 1, "xray": 3})
    return path


def test_a_graph_answers_any_batch_size_and_subset_of_inputs_as_the_network(graph, predictor):
    network = in_full_precision(predictor).networks[0]
    exported = OnnxBackend(graph, inputs=("mri", "xray"), size_divisors=network.size_divisors)
    generator = np.random.default_rng(0)
    for batch, volume, picture in ((1, (8, 8, 4), (8, 8)), (3, (6, 10, 8), (12, 4))):
        images = {
            "mri": generator.normal(size=(batch, 1, *volume)).astype(np.float32),
            "xray": generator.normal(size=(batch, 3, *picture)).astype(np.float32),
        }
        for absent in ((), ("mri",), ("xray",)):
            present = {name: np.array([name not in absent] + [True] * (batch - 1)) for name in images}
            expected, found = network(images, present), exported(images, present)
            assert found.keys() == expected.keys() == {"heart", "side", "features.mri", "features.xray"}
            for name, values in expected.items():
                assert found[name] == pytest.approx(values, abs=2e-5), name


def test_a_graph_is_of_the_opset_and_says_nothing_of_this_machine(graph):
    model = onnx.load(graph)
    assert [entry.version for entry in model.opset_import if not entry.domain] == [OPSET]
    assert OPSET >= 17
    assert b"medweave" not in graph.read_bytes()
    assert [entry.name for entry in model.graph.input] == ["image.mri", "image.xray", "present"]


def test_an_exported_network_is_a_copy_and_equals_the_network(predictor):
    model = predictor.networks[0].model
    images = [torch.randn(2, 1, 8, 8, 4), torch.randn(2, 3, 8, 8)]
    present = torch.tensor([[True, True], [True, False]])
    exported = ExportedNetwork(model)
    with torch.inference_mode():
        expected = model(dict(zip(("mri", "xray"), images, strict=True)), {"mri": present[:, 0], "xray": present[:, 1]})
        heart, side, *_ = exported(images, present)
    torch.testing.assert_close(heart, expected["heart"][0], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(side, expected["side"][0], rtol=1e-4, atol=1e-4)
    assert not any(isinstance(module, _InstanceNorm) for module in exported.modules())
    assert any(isinstance(module, _InstanceNorm) for module in model.modules())


class _Unpredictable(Encoder):
    """Whose output depends on the values in a way that no graph can hold."""

    channels = (1,)
    strides = ((1, 1),)

    def forward(self, image):
        return [image * int(image.sum())]


def test_a_network_that_cannot_be_a_graph_is_refused(tmp_path):
    model = MultiTaskModel(
        encoders={"xray": _Unpredictable()}, segmentation_heads={}, classification_heads={}, drawn_on={}
    )
    with pytest.raises(RunError, match=r"the network cannot be exported: got .*Fix: an encoder, fusion or head"):
        export_network(model, tmp_path / "model.onnx", n_channels={"xray": 1})
    assert not (tmp_path / "model.onnx").exists()


def test_what_was_silent_before_the_export_is_silent_after_it():
    logging.disable(logging.ERROR)
    try:
        with network._silence():
            assert logging.root.manager.disable == logging.ERROR
        assert logging.root.manager.disable == logging.ERROR
    finally:
        logging.disable(logging.NOTSET)
    with network._silence():
        assert logging.root.manager.disable == logging.WARNING
    assert logging.root.manager.disable == logging.NOTSET
