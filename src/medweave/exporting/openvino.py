"""The networks of a bundle for OpenVINO, where it is installed."""

from collections.abc import Sequence
from pathlib import Path

from medweave.core.optional import import_optional


def write_openvino(networks: Sequence[Path]) -> list[Path]:
    """Write each network beside itself as `.xml` and `.bin`, and return the `.xml` files.

    Raises:
        DependencyError: OpenVINO is not installed.
    """
    openvino = import_optional("openvino")
    written = [path.with_suffix(".xml") for path in networks]
    for path, target in zip(networks, written, strict=True):
        openvino.save_model(openvino.convert_model(path), target)
    return written
