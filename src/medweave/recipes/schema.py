"""The recipe: everything that defines a study, validated, frozen, unknown keys refused.

Defaults live here and in the signatures of registered components, nowhere else. A component (encoder, loss, …) is
written `{name: dice_ce, weight: 1.0, batch: true}`; its parameters are checked against the component's signature by
`medweave.building.components`.
"""

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, model_validator

from medweave.recipes.data import ClassificationHead, Data
from medweave.recipes.section import (
    Auto,
    Component,
    ComponentField,
    Fraction,
    PositiveFloat,
    PositiveInt,
    Section,
    Size,
    Spacing,
    name_only,
)


class Intensity(Section):
    """Normalisation of each channel."""

    name: Literal["zscore", "percentile", "range", "minmax", "none"] = "zscore"
    """zscore: mean 0, deviation 1; percentile, range (a CT window in HU), minmax: to the interval 0 to 1."""
    lower: float | None = None
    """Lower percentile (zscore: clip, percentile) or value (range)."""
    upper: float | None = None
    """Upper percentile or value."""
    only_nonzero: bool = False
    """Take the statistics over non-zero voxels."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        if self.name in ("percentile", "range") and (self.lower is None or self.upper is None):
            raise ValueError(f"intensity {self.name} needs lower and upper")
        if self.lower is not None and self.upper is not None and self.lower >= self.upper:
            raise ValueError("lower must be below upper")
        return self


class Crop(Section):
    """Crop to the box of voxels brighter than a threshold."""

    above: float = 0.0
    """Threshold in the image's own units."""
    margin_voxels: Annotated[int, Field(ge=0)] = 0
    """Voxels kept around the box."""


class Preprocessing(Section):
    """The deterministic path of one input from file to array."""

    orientation: (
        Annotated[
            str, Field(pattern="^([RL][AP][SI]|[RL][SI][AP]|[AP][RL][SI]|[AP][SI][RL]|[SI][RL][AP]|[SI][AP][RL])$")
        ]
        | None
    ) = None
    """Letters that the axes run towards (LPS, RAS, …), or null to keep each file's axes."""
    spacing_mm: Spacing | Auto | None = None
    """Spacing to resample to; auto: the training cases' median; null: as the file has it."""
    resize_voxels: Size | None = None
    """Resample the whole field of view to this size, whatever its spacing and proportions; instead of `spacing_mm`."""
    interpolation: Literal["linear", "cubic"] = "linear"
    """For images."""
    label_resampling: Literal["nearest", "majority"] = "nearest"
    """For label maps."""
    crop: Crop | None = None
    """Crop to the foreground, before normalisation."""
    size_voxels: Size | None = None
    """Crop or pad to this size about the centre."""
    intensity: Annotated[Intensity, BeforeValidator(name_only, json_schema_input_type=str | Intensity)] = Intensity()
    """Normalisation of each channel."""

    @model_validator(mode="after")
    def _one_way_to_resample(self) -> Self:
        if self.spacing_mm is not None and self.resize_voxels is not None:
            raise ValueError("spacing_mm and resize_voxels exclude each other")
        return self


class Patches(Section):
    """What of a case the network sees at a time."""

    size_voxels: Size | dict[str, Size] | Auto = "auto"
    """Size of a training patch and of the sliding window, one for all inputs or one for each; auto: the largest
    training case, so whole cases."""
    foreground: Fraction = 0.67
    """Share of the patches that are centred on a voxel of a structure; the others are drawn anywhere."""
    per_case: PositiveInt = 1
    """Patches drawn from each case in an epoch."""
    overlap: Annotated[float, Field(ge=0, lt=1)] = 0.5
    """Overlap of neighbouring windows in validation and prediction."""


class Model(Section):
    """Encoder (one an input), fusion, heads."""

    encoders: dict[str, ComponentField]
    """Encoder of each input."""
    fusion: ComponentField = Component(name="single")
    """How the inputs' features become one."""
    heads: dict[str, ComponentField]
    """Network of each head."""


class EarlyStopping(Section):
    """Stop when the monitored value no longer improves."""

    monitor: str = "val/score"
    """Value that also chooses the best checkpoint: val/score (mean over heads of Dice and balanced accuracy), val/dice
    (mean over segmentation heads), val/loss, val/loss_HEAD, val/dice_HEAD_STRUCTURE, val/accuracy_HEAD,
    val/balanced_accuracy_HEAD or val/auc_HEAD."""
    patience: PositiveInt | None = None
    """Validations without improvement before stopping; null: never."""


class Training(Section):
    """The loop."""

    max_epochs: PositiveInt = 100
    """Epochs at most."""
    batch_size: PositiveInt = 2
    """Patches (or whole cases) in a step."""
    accumulate_batches: PositiveInt = 1
    """Batches whose gradients are summed before a step of the optimizer."""
    gradient_clip_norm: PositiveFloat | None = 1.0
    """Upper bound of the gradient's norm; null: none."""
    early_stopping: EarlyStopping = EarlyStopping()
    """When to stop, and what is best."""
    validate_every_epochs: PositiveInt = 1
    """Epochs between validations."""
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """auto measures a training step in each precision that the device has and takes the fastest."""
    max_time: Annotated[str, Field(pattern=r"^\d+:\d{2}:\d{2}$")] | None = None
    """Longest duration as hours:minutes:seconds; null: none."""
    loader_workers: Annotated[int, Field(ge=0)] | Auto = "auto"
    """Processes that load and augment; auto: by the machine's cores."""
    balance: str | None = None
    """Classification task whose classes are drawn equally often; null: every case is. Cases without a class of it are
    drawn as often as ever. With `class_weights` in the loss a rare class counts twice."""
    loss_weighting: Literal["fixed", "uncertainty"] = "fixed"
    """fixed: each loss counts its weight; uncertainty: times a factor that is learned with the network (Kendall et al.,
    CVPR 2018). `train/loss` and `val/loss` stay at the fixed weights."""
    weight_average_epochs: PositiveFloat | None = None
    """Epochs that an exponential moving average of the weights looks back; it is what is validated and kept (Polyak and
    Juditsky, 1992). null: the weights of the last step are."""
    seed: Annotated[int, Field(ge=0)] = 42
    """Seed of weights, data order, patches, augmentation and dropout."""


class Prediction(Section):
    """How a trained model predicts."""

    flips: bool = False
    """Average over mirrored copies of the input (test-time augmentation)."""
    flip_axes: tuple[Annotated[int, Field(ge=0, le=2)], ...] = (0, 1, 2)
    """Axes that the copies are mirrored along: those that training mirrors, for the network knows no others."""
    largest_component: bool = False
    """Keep only the largest connected component of each structure."""


class Recipe(Section):
    """A study."""

    name: str
    """Name of the study."""
    plugins: tuple[str, ...] = ()
    """Modules to import for their registered components."""
    data: Data
    """Inputs, tasks, split."""
    preprocessing: dict[str, Preprocessing] = Field(default={})
    """Preprocessing of each input."""
    patches: Patches | None = None
    """Training patches; null: whole cases, padded to the largest."""
    augmentation: tuple[ComponentField, ...] = ()
    """Random transforms of training samples, in order."""
    model: Model
    """The network."""
    losses: dict[str, ComponentField]
    """Loss of each head, with its weight."""
    optimizer: ComponentField = Component(name="adamw")
    """The optimizer."""
    scheduler: ComponentField = Component(name="constant")
    """The learning rate's course."""
    training: Training = Training()
    """The loop."""
    prediction: Prediction = Prediction()
    """How the model predicts."""
    measurements: ComponentField | None = None
    """Named numbers with units taken from each case's predicted label maps; null: none."""
    measurement_classifiers: dict[str, ComponentField] = Field(default={})
    """What answers a classification task by the measurements: beside the network, or instead of it where the task is
    in neither `model.heads` nor `losses`."""

    @property
    def network_classes(self) -> dict[str, ClassificationHead]:
        """The classification tasks that the network answers, by name."""
        return {name: head for name, head in self.data.classification_heads.items() if name in self.model.heads}

    @model_validator(mode="after")
    def _names_agree(self) -> Self:
        problems = [
            f"{section}: {key!r} is not one of data.{kind}: {', '.join(known)}"
            for section, kind, keys, known in (
                ("preprocessing", "inputs", self.preprocessing, self.data.inputs),
                ("model.encoders", "inputs", self.model.encoders, self.data.inputs),
                ("model.heads", "heads", self.model.heads, self.data.heads),
                ("losses", "heads", self.losses, self.data.heads),
                ("measurement_classifiers", "heads", self.measurement_classifiers, self.data.classification_heads),
            )
            for key in keys
            if key not in known
        ]
        measured_only = {*self.measurement_classifiers} - {*self.model.heads} - {*self.losses}
        problems += [
            f"{section}: {name!r} of data.{kind} is missing"
            for section, kind, keys, known in (
                ("model.encoders", "inputs", self.model.encoders, self.data.inputs),
                ("model.heads", "heads", self.model.heads, self.data.heads),
                ("losses", "heads", self.losses, self.data.heads),
            )
            for name in known
            if name not in keys and not (kind == "heads" and name in measured_only)
        ]
        problems += self._measurement_problems()
        images = {channel for source in self.data.inputs.values() for channel in source.channels}
        problems += [
            f"data.heads.{name}.of: {head.of!r} is no channel of an input: {', '.join(sorted(images))}"
            for name, head in self.data.segmentation_heads.items()
            if head.of is not None and head.of not in images
        ]
        problems += self._patch_problems() + self._training_problems()
        if problems:
            raise ValueError("\n".join(problems))
        return self

    def _measurement_problems(self) -> list[str]:
        problems = [
            f"measurement_classifiers.{name}: a task with multi_label cannot be answered by the measurements"
            for name in self.measurement_classifiers
            if name in self.data.classification_heads and self.data.classification_heads[name].multi_label
        ]
        if self.measurement_classifiers and self.measurements is None:
            problems.append("measurements: required by measurement_classifiers, but missing")
        return problems

    def _patch_problems(self) -> list[str]:
        if self.patches is None or self.patches.size_voxels == "auto":
            return []
        if self.network_classes and not isinstance(
            self.patches.size_voxels, dict
        ):  # a run's resolved sizes are a table
            return [
                "patches.size_voxels: a class belongs to a whole case, so with a classification head it must be auto; "
                "set preprocessing.INPUT.size_voxels to crop or pad every case"
            ]
        if isinstance(self.patches.size_voxels, dict) and set(self.patches.size_voxels) != set(self.data.inputs):
            return [f"patches.size_voxels: needs each input once: {', '.join(self.data.inputs)}"]
        return []

    @property
    def monitored_values(self) -> dict[str, tuple[str, ...]]:
        """The values that a training may be judged by, each with the heads of which one must have a truth."""
        heads, drawn = tuple(self.losses), self.data.segmentation_heads
        of_classes = ("accuracy", "balanced_accuracy", "auc")
        return {
            "val/score": heads,
            "val/loss": heads,
            **({"val/dice": tuple(drawn)} if drawn else {}),
            **{f"val/loss_{name}": (name,) for name in heads},
            **{
                f"val/dice_{name}_{structure}": (name,) for name, head in drawn.items() for structure in head.structures
            },
            **{f"val/{score}_{name}": (name,) for name in self.network_classes for score in of_classes},
        }

    def _training_problems(self) -> list[str]:
        problems = []
        monitor, balance = self.training.early_stopping.monitor, self.training.balance
        if monitor not in self.monitored_values:
            known = ", ".join(self.monitored_values)
            problems.append(f"training.early_stopping.monitor: no value is called {monitor!r}; one of {known}")
        balanced = [name for name, head in self.data.classification_heads.items() if not head.multi_label]
        if balance is not None and balance not in balanced:
            known = ", ".join(balanced) or "there is none"
            problems.append(f"training.balance: {balance!r} is no task of one class a case: {known}")
        return problems
