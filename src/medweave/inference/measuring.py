"""Measuring a case in its label maps, and what its measurements say of its classes."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.building.measurements import build_measurements
from medweave.inference.prediction import ClassificationHeadInfo, Prediction, classify
from medweave.measurement_classifiers.classifier import MeasurementClassifier
from medweave.measurements.measurement import Measurement, Measurements, Segmentation
from medweave.preprocessing.geometry import Grid, to_array
from medweave.recipes.schema import Recipe
from medweave.runs.folder import RunFolder

#: Least probability, so that every class has a logit.
LEAST_PROBABILITY = 1e-9


@dataclass(frozen=True)
class MeasuredAnswer:
    """A classification head that is answered by measurements.

    Attributes:
        head: Name of the head.
        info: What the answer means.
        classifier: Gives it.
    """

    head: str
    info: ClassificationHeadInfo
    classifier: MeasurementClassifier

    def logits(self, measurements: Sequence[Measurement]) -> NDArray[np.float32]:
        """Return the logarithms of the probabilities of the classes."""
        found = self.classifier.probabilities({entry.name: entry.value for entry in measurements})
        return np.log([max(found.get(name, 0.0), LEAST_PROBABILITY) for name in self.info.classes]).astype(np.float32)


@dataclass(frozen=True)
class Measuring:
    """Measures cases and classifies them by the measurements.

    Attributes:
        measurements: What is measured.
        structures: Values of the structures of each segmentation head.
        answers: By name. Where the network answers the head as well, the name is `HEAD_from_measurements`.
    """

    measurements: Measurements
    structures: Mapping[str, Mapping[str, int]]
    answers: Mapping[str, MeasuredAnswer] = field(default_factory=dict)

    def measure(self, label_maps: Mapping[str, sitk.Image], attributes: Mapping[str, str]) -> tuple[Measurement, ...]:
        """Measure a case.

        Args:
            label_maps: By segmentation head, predicted or true.
            attributes: Further facts of the case.
        """
        segmentations = {
            head: Segmentation(to_array(label_map), self.structures[head], Grid.of(label_map))
            for head, label_map in label_maps.items()
        }
        return tuple(self.measurements(segmentations, attributes))

    def complete(self, prediction: Prediction, attributes: Mapping[str, str]) -> Prediction:
        """Add the measurements of the predicted label maps, and the classes that they tell, to a prediction."""
        label_maps = {head: found.label_map for head, found in prediction.segmentations.items()}
        measurements = self.measure(label_maps, attributes)
        answers = {name: classify(answer.info, answer.logits(measurements)) for name, answer in self.answers.items()}
        return replace(prediction, measurements=measurements, classifications={**prediction.classifications, **answers})


def build_measuring(
    recipe: Recipe, *, network_classes: Collection[str], classifiers: Mapping[str, MeasurementClassifier]
) -> Measuring | None:
    """Build what measures the cases of a recipe, or return None where it measures nothing.

    Args:
        recipe: The recipe.
        network_classes: Classification heads that the network answers.
        classifiers: By classification head.
    """
    measurements = build_measurements(recipe)
    if measurements is None:
        return None
    heads = recipe.data.classification_heads
    return Measuring(
        measurements,
        {name: head.values for name, head in recipe.data.segmentation_heads.items()},
        {
            f"{name}_from_measurements" if name in network_classes else name: MeasuredAnswer(
                name, ClassificationHeadInfo(heads[name].classes), classifier
            )
            for name, classifier in classifiers.items()
        },
    )


def load_classifiers(recipe: Recipe, run: RunFolder) -> dict[str, MeasurementClassifier]:
    """Load the classifiers of measurements of a run, by head; one that a training has not reached has no entry."""
    files = {head: run.measurement_classifier(head) for head in recipe.measurement_classifiers}
    return {head: MeasurementClassifier.load(file) for head, file in files.items() if file.is_file()}
