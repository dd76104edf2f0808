"""Smaller precisions of an exported network: 16-bit floats, and 8-bit integers calibrated on training cases."""

import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import onnx
from numpy.typing import NDArray
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, QuantType, quantize_static
from onnxruntime.quantization.shape_inference import quant_pre_process
from onnxruntime.transformers.float16 import convert_float_to_float16

from medweave.data.case import Case
from medweave.exporting.reference import with_networks
from medweave.inference.backends.backend import Backend
from medweave.inference.backends.onnx import Feeds, graph_feeds
from medweave.inference.predictor import Predictor

#: Arrays of each calibration case that are kept: a window slides over many places.
ARRAYS_A_CASE = 4
#: Operators that are quantised; the others, and all at their borders, stay float32.
QUANTISED = ["Conv", "Gemm", "MatMul"]


def to_float16(path: Path) -> None:
    """Rewrite a network with 16-bit weights and activations; its inputs and outputs stay float32."""
    model = convert_float_to_float16(onnx.load(path), keep_io_types=True)
    onnx.save(model, path)


def to_int8(path: Path, feeds: Sequence[Feeds]) -> None:
    """Rewrite a network with 8-bit convolutions and linear layers (static quantisation, a scale for every channel).

    Args:
        path: The ONNX file.
        feeds: What the network is calibrated on, by the names of the graph's inputs.
    """
    with tempfile.TemporaryDirectory() as folder:
        prepared = Path(folder) / "prepared.onnx"
        quant_pre_process(str(path), str(prepared), skip_symbolic_shape=True)
        quantize_static(
            str(prepared),
            str(path),
            _Calibration(feeds),
            quant_format=QuantFormat.QDQ,
            op_types_to_quantize=QUANTISED,
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
        )


def calibration_feeds(predictor: Predictor, cases: Sequence[Case]) -> list[Feeds]:
    """Return what a network is given when it predicts some cases, a few arrays of each.

    Args:
        predictor: Predicts with the ONNX network.
        cases: Of the training part.
    """
    feeds: list[Feeds] = []
    for case in cases:
        recorder = _Recorder(predictor.networks[0], tuple(predictor.source.inputs))
        recording = with_networks(predictor, [recorder])
        recording.run([recording.read(case).inputs], compare=False)
        step = max(len(recorder.feeds) // ARRAYS_A_CASE, 1)
        feeds += recorder.feeds[::step][:ARRAYS_A_CASE]
    return feeds


class _Recorder:
    """A backend that remembers what it was given."""

    def __init__(self, backend: Backend, inputs: Sequence[str]) -> None:
        self.backend = backend
        self.inputs = inputs
        self.size_divisors = backend.size_divisors
        self.feeds: list[Feeds] = []

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        self.feeds.append(graph_feeds(self.inputs, {name: image.copy() for name, image in images.items()}, present))
        return self.backend(images, present)


class _Calibration(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, feeds: Sequence[Feeds]) -> None:
        self._feeds: Iterator[Feeds] = iter(feeds)

    def get_next(self) -> Feeds | None:
        """Return the next arrays, or None at the end."""
        return next(self._feeds, None)
