"""Whether a bundle answers as the run does: the whole path, from files to label maps and probabilities."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import RunError
from medweave.data.case import Case
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor
from medweave.metrics.overlap import dice_of_structures
from medweave.preprocessing.geometry import Grid, resample, to_array

#: Of float32: greatest difference of a probability, and least share of equal labels.
MAX_PROBABILITY_DIFFERENCE = 1e-4
MIN_LABEL_AGREEMENT = 0.9999
#: What a smaller precision may cost.
MAX_DICE_LOSS = 0.01


@dataclass
class Quality:
    """How good the answers are, where the truth is known.

    Attributes:
        dice: Of each case, by `HEAD.STRUCTURE`.
        right: Whether the answer to each case is right, by classification head.
    """

    dice: dict[str, list[float]] = field(default_factory=dict)
    right: dict[str, list[bool]] = field(default_factory=dict)

    def means(self) -> dict[str, dict[str, float]]:
        """Return the mean Dice of each structure and the accuracy of each classification head."""
        return {
            "dice": {name: float(np.mean(values)) for name, values in self.dice.items()},
            "accuracy": {name: float(np.mean(values)) for name, values in self.right.items()},
        }


@dataclass(frozen=True)
class Parity:
    """How far the answers of a bundle are from those of its run.

    Attributes:
        n_cases: How many were compared; their names, which may tell of persons, stay in the lab.
        max_probability_difference: Greatest difference of a structure's probability in any voxel.
        max_class_probability_difference: Greatest difference of a class's probability.
        label_agreement: Share of the voxels with equal labels, over all cases and heads; 1 without a segmentation.
        class_agreement: Share of the cases and heads with equal classes; 1 without a classification.
        run: Mean Dice and accuracy of the run on these cases.
        bundle: The same of the bundle.
    """

    n_cases: int
    max_probability_difference: float
    max_class_probability_difference: float
    label_agreement: float
    class_agreement: float
    run: Mapping[str, Mapping[str, float]]
    bundle: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, object]:
        """Return the comparison as plain JSON values."""
        return asdict(self)

    def refuse_differences(self) -> None:
        """Refuse a bundle in full precision that does not answer as its run.

        Raises:
            RunError: A probability or too many labels differ.
        """
        largest = max(self.max_probability_difference, self.max_class_probability_difference)
        if largest > MAX_PROBABILITY_DIFFERENCE or self.label_agreement < MIN_LABEL_AGREEMENT:
            raise RunError(
                "the exported network does not answer as the run does",
                got=f"probabilities that differ by {largest:.1e}, {100 * self.label_agreement:.4f} % equal labels",
                wanted=f"at most {MAX_PROBABILITY_DIFFERENCE:.0e}, at least {100 * MIN_LABEL_AGREEMENT:.2f} %",
                fix="no bundle is left; report it with the recipe, or change the network.",
            )

    def refuse_losses(self) -> None:
        """Refuse a bundle in a smaller precision that is worse than its run.

        Raises:
            RunError: The Dice of a structure (without a segmentation the accuracy of a head) falls too far.
        """
        measure = "dice" if self.run["dice"] else "accuracy"
        for name, before in self.run[measure].items():
            after = self.bundle[measure][name]
            if before - after > MAX_DICE_LOSS:
                raise RunError(
                    f"the smaller precision costs too much {measure}",
                    where=name,
                    got=f"{after:.4f} after {before:.4f}",
                    wanted=f"a loss of at most {MAX_DICE_LOSS}",
                    fix="no bundle is left; export without --quantize and --fp16, or give more calibration cases.",
                )


def compare(
    run: Predictor,
    bundle: Predictor,
    cases: Sequence[Case],
    *,
    on_case: Callable[[int], None] = lambda _done: None,
) -> Parity:
    """Predict cases with a run and with its bundle, and compare the answers.

    Args:
        run: Predicts with PyTorch.
        bundle: Predicts with ONNX Runtime.
        cases: At least one.
        on_case: Called after each case with the number of those done.
    """
    qualities = Quality(), Quality()
    probability_difference = class_difference = 0.0
    voxels, equal_voxels, answers, equal_answers = 0, 0, 0, 0
    for number, case in enumerate(cases, start=1):
        expected, found = (predictor.predict(case, keep_probabilities=True) for predictor in (run, bundle))
        for head, segmentation in expected.segmentations.items():
            other = found.segmentations[head]
            for name, values in segmentation.probabilities.items():
                probability_difference = max(probability_difference, _difference(values, other.probabilities[name]))
            labels, other_labels = to_array(segmentation.label_map), to_array(other.label_map)
            voxels, equal_voxels = voxels + labels.size, equal_voxels + int((labels == other_labels).sum())
        for head, answer in expected.classifications.items():
            of_bundle = found.classifications[head]
            pairs = [(answer.probabilities[name], of_bundle.probabilities[name]) for name in answer.probabilities]
            class_difference = max(class_difference, *(abs(a - b) for a, b in pairs))
            answers, equal_answers = answers + 1, equal_answers + (answer.classes == of_bundle.classes)
        for quality, prediction in zip(qualities, (expected, found), strict=True):
            _judge(prediction, case, run, quality)
        on_case(number)
    return Parity(
        n_cases=len(cases),
        max_probability_difference=probability_difference,
        max_class_probability_difference=class_difference,
        label_agreement=equal_voxels / voxels if voxels else 1.0,
        class_agreement=equal_answers / answers if answers else 1.0,
        run=qualities[0].means(),
        bundle=qualities[1].means(),
    )


def _difference(values: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    return float(np.abs(values - others).max())


def _judge(prediction: Prediction, case: Case, predictor: Predictor, quality: Quality) -> None:
    """Add the scores of a case, head by head where it has the truth."""
    for head, segmentation in prediction.segmentations.items():
        truth = predictor.source.read_label_map(case, head)
        if truth is None:
            continue
        found = to_array(segmentation.label_map)
        labels = to_array(resample(truth, Grid.of(segmentation.label_map), interpolator=sitk.sitkNearestNeighbor))
        for name, score in dice_of_structures(found, labels, predictor.segmentation_heads[head].structures).items():
            quality.dice.setdefault(f"{head}.{name}", []).append(score)
    for head, answer in prediction.classifications.items():
        names = predictor.source.targets[head].names(case)
        if names is not None:
            quality.right.setdefault(head, []).append(set(names) == set(answer.classes))
