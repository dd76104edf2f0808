"""What is predicted of a case: label maps, classes, measurements."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.inference.activations import Activation, sigmoid, softmax
from medweave.inference.gate.warning import InputWarning
from medweave.measurements.measurement import Measurement
from medweave.preprocessing.geometry import Grid
from medweave.recipes.section import Name


@dataclass(frozen=True)
class SegmentationHeadInfo:
    """What the answer of a segmentation head means.

    Attributes:
        structures: Value of each structure in the label map.
        activation: What turns the logits into probabilities.
        input_name: Input on whose native grid the answer lies.
        image_name: Image of a case that has this grid.
        merged_values: What further values of true label maps are read as.
    """

    structures: Mapping[Name, int]
    activation: Activation
    input_name: str
    image_name: str
    merged_values: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class SegmentationPrediction:
    """The answer of a segmentation head.

    Attributes:
        label_map: uint8, on the grid of the case's own image.
        volumes_ml: Volume of each structure (area in cm² in 2D).
        probabilities: (x, y[, z]) float32 on the same grid by structure; empty unless asked for.
        volume_deviations_ml: Standard deviation of each volume over the members; empty with one member.
        deviations: Standard deviation of each structure's probability over the members, (x, y[, z]) float32 on the same
            grid; empty unless asked for.
    """

    label_map: sitk.Image
    volumes_ml: Mapping[str, float]
    probabilities: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)
    volume_deviations_ml: Mapping[str, float] = field(default_factory=dict)
    deviations: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def unit(self) -> str:
        """Unit of the volumes."""
        return Grid.of(self.label_map).volume_unit


@dataclass(frozen=True)
class ClassificationHeadInfo:
    """What the answer of a classification head means.

    Attributes:
        classes: Names of the classes, in the order of the logits.
        multi_label: Whether each class is answered by itself (sigmoid) or one excludes the others (softmax).
        temperature: Divides the logits, fitted on the validation part (Guo et al., ICML 2017).
    """

    classes: tuple[str, ...]
    multi_label: bool = False
    temperature: float = 1.0

    def probabilities(self, logits: NDArray[np.float32]) -> dict[str, float]:
        """Return the probability of each class from its logits (classes,)."""
        scaled = logits.astype(np.float64) / self.temperature
        values = sigmoid(scaled) if self.multi_label else softmax(scaled)
        return {name: float(value) for name, value in zip(self.classes, values, strict=True)}


@dataclass(frozen=True)
class Attention:
    """Where a classification head looked for its likeliest class.

    Attributes:
        class_name: The class.
        maps: (x, y[, z]) float32 of each input that the case has, on the input's own grid, 0 to 1; all 0 where nothing
            in it speaks for the class.
        inside: Share of the attention that lies in the structures which each segmentation head found on that input; no
            entry where nothing speaks for the class.
    """

    class_name: str
    maps: Mapping[str, NDArray[np.float32]] = field(repr=False)
    inside: Mapping[str, float]


@dataclass(frozen=True)
class ClassificationPrediction:
    """The answer of a classification head.

    Attributes:
        probabilities: Of each class.
        classes: The likeliest class; with several labels a case, every class of at least one half.
        logits: (classes,) float32, before the temperature.
        attention: Where the network looked, if it was asked.
        entropy_bits: Of the probabilities; 0 is sure, and with exclusive classes log2 of their number knows nothing.
        deviations: Standard deviation of each probability over the members; empty with one member.
    """

    probabilities: Mapping[str, float]
    classes: tuple[str, ...]
    logits: NDArray[np.float32] = field(repr=False)
    attention: Attention | None = None
    entropy_bits: float = 0.0
    deviations: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Prediction:
    """The answers to a case.

    Attributes:
        case_id: The case.
        segmentations: By segmentation head; one whose input the case lacks has no answer.
        classifications: By classification head, and by answer of its measurements.
        missing_inputs: Inputs that the case lacks.
        measurements: Taken from the predicted label maps.
        warnings: Why the model may not know the images.
        members: Answers that were averaged: mirrored copies times networks.
    """

    case_id: str
    segmentations: Mapping[str, SegmentationPrediction]
    classifications: Mapping[str, ClassificationPrediction] = field(default_factory=dict)
    missing_inputs: tuple[str, ...] = ()
    measurements: tuple[Measurement, ...] = ()
    warnings: tuple[InputWarning, ...] = ()
    members: int = 1


def classify(head: ClassificationHeadInfo, logits: NDArray[np.float32]) -> ClassificationPrediction:
    """Return the answer that a head's logits (classes,) give."""
    probabilities_of = head.probabilities(logits)
    likely = (
        tuple(name for name, value in probabilities_of.items() if value >= 0.5)
        if head.multi_label
        else (max(probabilities_of, key=probabilities_of.__getitem__),)
    )
    entropy = entropy_bits(list(probabilities_of.values()), multi_label=head.multi_label)
    return ClassificationPrediction(probabilities_of, likely, logits, entropy_bits=entropy)


def entropy_bits(probabilities: Sequence[float], *, multi_label: bool) -> float:
    """Return the entropy of an answer: of one distribution, or of several labels together, each independent."""
    values = np.array(probabilities, np.float64)
    shares = np.concatenate([values, 1 - values]) if multi_label else values
    shares = shares[shares > 0]
    return float((shares * np.log2(1 / shares)).sum())
