"""What ONNX Runtime computes with, and what is to be installed for it."""

from typing import Literal

from medweave.core.errors import DependencyError

Provider = Literal["cpu", "cuda", "tensorrt", "openvino"]

#: What brings each provider.
FIXES: dict[Provider, str] = {
    "cpu": "pip install 'medweave[runtime]'",
    "cuda": "pip install onnxruntime-gpu in the place of onnxruntime, with the CUDA and cuDNN that it asks for",
    "tensorrt": "pip install onnxruntime-gpu in the place of onnxruntime, and TensorRT",
    "openvino": "pip install onnxruntime-openvino in the place of onnxruntime",
}


def provider_error(provider: Provider, got: str) -> DependencyError:
    """Return the error of a provider that is asked for and cannot be used."""
    return DependencyError(
        f"the provider {provider!r} cannot be used", got=got, fix=f"{FIXES[provider]}; or leave --provider out."
    )
