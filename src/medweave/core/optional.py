"""Packages that an installation may lack: the extra that brings each, and the error that names it."""

from importlib import import_module
from types import ModuleType

from medweave.core.errors import DependencyError

#: The extra of medweave that brings a package, by the name that is imported.
EXTRAS = {
    **dict.fromkeys(("torch", "monai", "pytorch_lightning", "torchmetrics", "safetensors", "tensorboard"), "train"),
    **dict.fromkeys(("sklearn", "pandas", "imagehash"), "train"),
    "onnxruntime": "runtime",
    "openvino": "openvino",
    "kaggle": "kaggle",
    **dict.fromkeys(("fastapi", "starlette", "uvicorn", "python_multipart", "prometheus_client"), "serve"),
    **dict.fromkeys(("streamlit", "niivue_component"), "app"),
    **dict.fromkeys(("onnx", "onnxscript"), "onnx"),
}


def import_optional(module: str) -> ModuleType:
    """Import a module that needs a package of an extra.

    Args:
        module: Full name.

    Raises:
        DependencyError: The package is not installed.
    """
    try:
        return import_module(module)
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in EXTRAS:
            raise
        raise DependencyError(
            f"this needs the package {package!r}, which is not installed",
            fix=f"pip install 'medweave[{EXTRAS[package]}]'",
        ) from error
