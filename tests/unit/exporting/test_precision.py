import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from medweave.data.case import Case
from medweave.exporting.precision import ARRAYS_A_CASE, calibration_feeds, to_float16, to_int8
from medweave.inference.backends.onnx import OnnxBackend
from medweave.preprocessing.pipeline import Preprocessed


@pytest.fixture
def graph(tmp_path):
    """One convolution of a picture."""
    generator = np.random.default_rng(0)
    weights = numpy_helper.from_array(generator.normal(size=(2, 1, 3, 3)).astype(np.float32), "weights")
    shape = ["batch", 1, "x", "y"]
    model = helper.make_model(
        helper.make_graph(
            [helper.make_node("Conv", ["image.xray", "weights"], ["lungs"], pads=[1, 1, 1, 1])],
            "by_hand",
            [helper.make_tensor_value_info("image.xray", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info("lungs", TensorProto.FLOAT, ["batch", 2, "x", "y"])],
            [weights],
        ),
        opset_imports=[helper.make_opsetid("", 18)],
        ir_version=10,
    )
    onnx.save(model, tmp_path / "model.onnx")
    return tmp_path / "model.onnx"


def _answer(path, image):
    backend = OnnxBackend(path, inputs=("xray",), size_divisors={"xray": (1, 1)})
    return backend({"xray": image}, {"xray": np.ones(len(image), bool)})["lungs"]


def test_16_bit_floats_answer_nearly_alike_in_float32(graph):
    image = np.random.default_rng(1).normal(size=(2, 1, 7, 9)).astype(np.float32)
    before = _answer(graph, image)
    to_float16(graph)
    after = _answer(graph, image)
    assert {entry.data_type for entry in onnx.load(graph).graph.initializer} == {TensorProto.FLOAT16}
    assert after.dtype == np.float32
    assert after == pytest.approx(before, abs=0.02)
    assert not np.array_equal(after, before)


def test_8_bit_integers_answer_nearly_alike_what_they_were_calibrated_on(graph):
    images = np.random.default_rng(1).normal(size=(3, 1, 7, 9)).astype(np.float32)
    before = _answer(graph, images)
    to_int8(graph, [{"image.xray": image[None]} for image in images])
    after = _answer(graph, images)
    stored = {entry.data_type for entry in onnx.load(graph).graph.initializer}
    assert TensorProto.INT8 in stored
    step = np.ptp(before) / 255
    assert np.abs(after - before).max() < 6 * step
    assert not np.array_equal(after, before)


def test_calibration_takes_a_few_arrays_of_what_the_network_is_given(predictor, monkeypatch):
    class Read:
        inputs = {"mri": Preprocessed(np.ones((1, 8, 8, 4), np.float32), None, None)}  # noqa: RUF012 -- a stand-in

    calls = 0

    def run(self, batch, *, compare):
        nonlocal calls
        calls += 1
        flags = {"mri": np.array([True]), "xray": np.array([False])}
        for number in range(10):
            images = {"mri": np.full((1, 1, 8, 8, 4), number, np.float32), "xray": np.zeros((1, 3, 8, 8), np.float32)}
            self.networks[0](images, flags)

    monkeypatch.setattr(type(predictor), "read", lambda self, case: Read())
    monkeypatch.setattr(type(predictor), "run", run)
    feeds = calibration_feeds(predictor, [Case("c1", "s1", {}), Case("c2", "s2", {})])
    assert calls == 2
    assert len(feeds) == 2 * ARRAYS_A_CASE
    assert [feed["image.mri"].max() for feed in feeds[:4]] == [0, 2, 4, 6]
    assert feeds[0]["present"].tolist() == [[True, False]]
