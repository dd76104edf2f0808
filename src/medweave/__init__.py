"""medweave: from a folder of medical images to a trained, judged and usable model."""

import os

__version__ = "0.1.0"

# ONNX Runtime 1.31 begins a session of its maker's telemetry when it is imported, unless this is set before.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
