"""The golden case of a bundle: a small synthetic input, and what the bundle answered to it where it was exported."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK as sitk

from medweave.core.files import read_json, write_json
from medweave.data.case import Case
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor
from medweave.preprocessing.geometry import to_array
from medweave.preprocessing.readers.medical import image_stem

#: What other processors and versions may change.
MAX_CLASS_DIFFERENCE = 1e-3
MIN_LABEL_AGREEMENT = 0.999


@dataclass(frozen=True)
class GoldenResult:
    """How the answer of today compares with that of the export.

    Attributes:
        label_agreement: Least share of equal labels over the segmentation heads.
        class_difference: Greatest difference of a class's probability.
    """

    label_agreement: float
    class_difference: float

    @property
    def is_same(self) -> bool:
        """Whether the answers are the same but for rounding."""
        return self.label_agreement >= MIN_LABEL_AGREEMENT and self.class_difference <= MAX_CLASS_DIFFERENCE


def golden_case(folder: Path) -> Case:
    """Return the case whose images lie in `input/` of a golden folder."""
    images = {image_stem(path.name): path for path in sorted((folder / "input").iterdir())}
    return Case("golden", "golden", images=images)


def save_golden_answer(prediction: Prediction, folder: Path) -> None:
    """Write what a bundle answers to its golden case: a label map for each segmentation, and expected.json."""
    for head, found in prediction.segmentations.items():
        sitk.WriteImage(found.label_map, str(_label_map(folder, head)), useCompression=True)
    write_json(folder / "expected.json", _classes(prediction))


def check_golden(predictor: Predictor, folder: Path) -> GoldenResult:
    """Predict the golden case and compare with what was answered at the export.

    Raises:
        DataError: A golden file cannot be read.
    """
    prediction = predictor.predict(golden_case(folder))
    agreements = [
        float(np.mean(to_array(found.label_map) == to_array(sitk.ReadImage(str(_label_map(folder, head))))))
        for head, found in prediction.segmentations.items()
    ]
    expected: Mapping[str, Mapping[str, float]] = read_json(folder / "expected.json")
    found = _classes(prediction)
    differences = [
        abs(found[head][name] - value) for head, of_head in expected.items() for name, value in of_head.items()
    ]
    return GoldenResult(min(agreements, default=1.0), max(differences, default=0.0))


def _classes(prediction: Prediction) -> dict[str, dict[str, float]]:
    return {head: dict(answer.probabilities) for head, answer in prediction.classifications.items()}


def _label_map(folder: Path, head: str) -> Path:
    return folder / f"expected_{head}.nii.gz"
