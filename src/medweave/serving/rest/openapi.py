"""What the OpenAPI document says beyond the types: the form, examples, and problems."""

from http import HTTPStatus
from typing import Any

from medweave.serving.rest.problem import MEDIA_TYPE, ProblemDocument

DESCRIPTION = """Predicts medical images with trained models.

**For research only; not a medical device.** Send images to `/models/{name}/predictions` under the names that
`/models/{name}` tells. Answers and images are removed after a set time.
"""

FORM: dict[str, Any] = {
    "requestBody": {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "minProperties": 1,
                    "additionalProperties": {"type": "string", "format": "binary"},
                    "description": "Images under their names in the model (NIfTI-1 in one file, plain or gzipped, a "
                    "DICOM file or a zipped series, PNG or JPEG), and facts about the case as text (height_cm).",
                    "example": {"image": "the content of chest.png"},
                }
            }
        },
    }
}

_LINKS = {
    "self": "/predictions/5f3c0c2f9d0b4f6c8d0a4e1f7b2a9c11",
    "masks": {"lungs": "/predictions/5f3c0c2f9d0b4f6c8d0a4e1f7b2a9c11/mask?head=lungs"},
    "overlays": {"lungs": "/predictions/5f3c0c2f9d0b4f6c8d0a4e1f7b2a9c11/overlay?head=lungs"},
}
_QUEUED = {
    "id": "5f3c0c2f9d0b4f6c8d0a4e1f7b2a9c11",
    "model": "cxr",
    "model_sha256": "9b2c…",
    "status": "queued",
    "progress": 0.0,
    "created": "2026-01-01T12:00:00+00:00",
    "answer": None,
    "problem": None,
    "links": {"self": _LINKS["self"], "masks": {}, "overlays": {}},
}
_DONE = {
    **_QUEUED,
    "status": "done",
    "progress": 1.0,
    "answer": {
        "gate": "passed",
        "warnings": [],
        "missing_inputs": [],
        "members": 1,
        "classifications": {
            "diagnosis": {
                "pred_class": "pneumonia",
                "entropy_bits": 0.61,
                "classes": {"normal": {"probability": 0.15}, "pneumonia": {"probability": 0.85}},
            }
        },
        "segmentations": {"lungs": {"unit": "cm²", "structures": {"lung": {"volume": 412.3}}}},
        "measurements": [{"name": "lungs_lung_area", "value": 412.3, "unit": "cm²"}],
    },
    "links": _LINKS,
}
DONE_RESPONSE: dict[str, Any] = {
    "description": "The prediction.",
    "content": {"application/json": {"examples": {"done": {"value": _DONE}, "queued": {"value": _QUEUED}}}},
}
QUEUED_RESPONSE: dict[str, Any] = {
    "description": "The prediction goes on; ask its address later.",
    "content": {"application/json": {"examples": {"queued": {"value": _QUEUED}}}},
}


def binary_response(media_type: str, description: str) -> dict[str, Any]:
    """Describe a response that is a file."""
    schema = {"type": "string", "format": "binary"}
    return {"description": description, "content": {media_type: {"schema": schema}}}


def problems(*statuses: HTTPStatus) -> dict[int | str, dict[str, Any]]:
    """Describe the refusals of an address."""
    schema = ProblemDocument.model_json_schema()
    return {
        int(status): {"description": status.phrase, "content": {MEDIA_TYPE: {"schema": schema}}} for status in statuses
    }
