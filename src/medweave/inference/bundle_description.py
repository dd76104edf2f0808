"""bundle.json: everything of a bundle but its weights, read and written by this schema alone."""

from typing import Literal

from pydantic import Field

from medweave.data.study import InputSource, TargetSource
from medweave.inference.prediction import ClassificationHeadInfo, SegmentationHeadInfo
from medweave.inference.predictor import WindowSettings
from medweave.recipes.section import Component, Name, Section

#: Of the schema; a program refuses a newer one than its own.
FORMAT_VERSION = 1
ThresholdOf = Literal["sigmoid segmentation", "multi-label class"]
NO_ATTENTION = "not in a bundle, which has no gradients; predict with the run."


class TrainingFacts(Section):
    """What the networks were trained on."""

    data_hash: str
    """Of the cases and their contents."""
    recipe_hash: str
    """Of the recipe as it was requested."""
    cases: dict[str, int]
    """Number of cases of each part of the split."""
    versions: dict[str, str | None]
    """Of the packages that trained."""
    git_commit: str | None
    """Of the code that trained."""
    finished: str | None
    """When the training ended."""


class NetworkDescription(Section):
    """The ONNX graphs.

    Each takes `image.INPUT`, (batch, channels, *spatial) float32, for every input, and with several inputs `present`,
    (batch, inputs) bool: where it is false, the image does not matter. Each gives the logits of every head under the
    head's name, (batch, channels, *spatial) or (batch, classes), and `features.INPUT`, (batch, features), the means of
    the coarsest features. Batch and sizes are free.
    """

    files: tuple[str, ...]
    """One, or those of an ensemble, whose probabilities are averaged."""
    opset: int
    """Version of the ONNX operators."""
    precision: Literal["float32", "float16", "int8"]
    """Of the weights and activations; inputs and outputs are float32."""
    inputs: tuple[str, ...]
    """Names of the inputs, in the order of `present`."""
    size_divisors: dict[str, tuple[int, ...]]
    """The number that each axis of each input must be a multiple of; an image is padded by its border."""
    openvino: tuple[str, ...] = ()
    """The same networks for OpenVINO."""


class MeasuredHead(Section):
    """A classification head that is answered by the measurements of a case."""

    head: str
    """Name of the head."""
    classes: tuple[str, ...]
    """Its classes."""
    classifier: str
    """File of the classifier."""


class BundleDescription(Section):
    """A model that left the lab."""

    format_version: int = FORMAT_VERSION
    """Of this schema."""
    name: str
    """Of the study."""
    created: str
    """When it was exported, in UTC."""
    versions: dict[str, str | None]
    """Of the packages that exported it."""
    training: TrainingFacts
    """What the networks were trained on."""
    network: NetworkDescription
    """The networks."""
    plugins: tuple[str, ...] = ()
    """Modules that register the layout or the measurements, where these are not medweave's own."""
    layout: Component
    """How the data of the study were arranged."""
    inputs: dict[Name, InputSource]
    """Images and preprocessing of each input; the steps are done in the order in which they are listed."""
    window: WindowSettings
    """How a network of one input without classes slides over an image, and what is done to the label map."""
    segmentations: dict[Name, SegmentationHeadInfo]
    """Segmentation heads: structures, and what turns the logits into probabilities."""
    classifications: dict[Name, ClassificationHeadInfo]
    """Classification heads: classes, and the fitted temperature that divides the logits."""
    thresholds: dict[ThresholdOf, float] = Field(default={"sigmoid segmentation": 0.5, "multi-label class": 0.5})
    """Probability from which an answer that excludes no other is given."""
    targets: dict[str, TargetSource]
    """Where the truth of each classification head is in a case table, for evaluation."""
    measurements: Component | None = None
    """What is measured in the label maps."""
    measured_heads: dict[str, MeasuredHead] = Field(default={})
    """Classification heads that the measurements answer."""
    attention: str = NO_ATTENTION
    """Where the network looked for a class."""
    files: dict[str, str]
    """SHA-256 of every other file of the bundle."""
