"""Running the network with ONNX Runtime."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from medweave.core.errors import RunError
from medweave.inference.backends.provider import Provider, provider_error

#: What each provider is called by ONNX Runtime.
PROVIDERS: dict[Provider, str] = {
    "cpu": "CPUExecutionProvider",
    "cuda": "CUDAExecutionProvider",
    "tensorrt": "TensorrtExecutionProvider",
    "openvino": "OpenVINOExecutionProvider",
}
ERRORS_ONLY = 3
#: Name of the graph's input that tells which inputs a case has, (B, inputs) bool.
PRESENT = "present"


Feeds = dict[str, NDArray[np.float32] | NDArray[np.bool_]]


def graph_input(input_name: str) -> str:
    """Return the name of the graph's input that takes an input's arrays."""
    return f"image.{input_name}"


def graph_feeds(
    inputs: Sequence[str], images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
) -> Feeds:
    """Return what the graph is given for a batch.

    Args:
        inputs: Names of the inputs, in the order of the flags `present`.
        images: (B, C, *spatial) of each input.
        present: (B,) of each input.
    """
    feeds: Feeds = {graph_input(name): np.ascontiguousarray(images[name]) for name in inputs}
    if len(inputs) > 1:
        feeds[PRESENT] = np.stack([present[name] for name in inputs], axis=1)
    return feeds


class OnnxBackend:
    """Runs an exported network on batches of NumPy arrays.

    Args:
        path: The ONNX file.
        inputs: Names of the inputs, in the order of the flags `present`.
        size_divisors: The number that each axis of each input must be a multiple of.
        provider: What computes.

    Raises:
        RunError: The file cannot be loaded.
        DependencyError: This installation or machine lacks the provider.
    """

    def __init__(
        self,
        path: Path,
        *,
        inputs: Sequence[str],
        size_divisors: Mapping[str, Sequence[int]],
        provider: Provider = "cpu",
    ) -> None:
        self.inputs = tuple(inputs)
        self.size_divisors = size_divisors
        self.session = _session(path, provider)
        self.outputs = [output.name for output in self.session.get_outputs()]

    def __call__(
        self, images: Mapping[str, NDArray[np.float32]], present: Mapping[str, NDArray[np.bool_]]
    ) -> dict[str, NDArray[np.float32]]:
        """Return the logits of each head for a batch, and the pooled features of each input as `features.INPUT`.

        Args:
            images: (B, C, *spatial) of each input.
            present: (B,) of each input.
        """
        feeds = graph_feeds(self.inputs, images, present)
        return dict(zip(self.outputs, self.session.run(None, feeds), strict=True))


def _session(path: Path, provider: Provider) -> onnxruntime.InferenceSession:
    wanted = PROVIDERS[provider]
    if wanted not in onnxruntime.get_available_providers():
        raise provider_error(provider, "not in this installation of ONNX Runtime")
    options = onnxruntime.SessionOptions()
    options.log_severity_level = ERRORS_ONLY
    try:
        session = onnxruntime.InferenceSession(
            str(path), options, providers=list(dict.fromkeys([wanted, PROVIDERS["cpu"]]))
        )
    except Exception as error:
        raise RunError(
            "the network cannot be loaded", where=path, got=str(error).splitlines()[0], fix="export or copy it again."
        ) from error
    # ONNX Runtime falls back to the processor without an error where a provider's libraries are absent.
    if session.get_providers()[0] != wanted:
        raise provider_error(provider, "its libraries or device are absent")
    return session
