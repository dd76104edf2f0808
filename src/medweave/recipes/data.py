"""The section of a recipe that says where the images are and what is asked of them."""

from typing import Annotated, Any, Literal, Self

from pydantic import (
    Discriminator,
    Field,
    PlainSerializer,
    Tag,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
    model_validator,
)

from medweave.recipes.section import Component, ComponentField, Name, Section

#: Of a voxel that is no background.
LabelValue = Annotated[int, Field(ge=1, le=255)]
_ONE_VALUE: TypeAdapter[int] = TypeAdapter(LabelValue)


def _one_or_several(value: object, validate: ValidatorFunctionWrapHandler) -> object:
    return validate(value) if isinstance(value, list | tuple) else (_ONE_VALUE.validate_python(value),)


#: One value, or several that are one structure; a single one is written without a list.
LabelValues = Annotated[
    tuple[LabelValue, ...],
    Field(min_length=1),
    WrapValidator(
        _one_or_several, json_schema_input_type=LabelValue | Annotated[tuple[LabelValue, ...], Field(min_length=1)]
    ),
    PlainSerializer(lambda values: values[0] if len(values) == 1 else values),
]


class Input(Section):
    """One input of the model: one image, or several images stacked as channels."""

    spatial_dims: Literal[2, 3] = 3
    """2 for images such as radiographs, 3 for volumes."""
    channels: tuple[str, ...] = ("image",)
    """Names of the images (as the layout names them), one a channel."""
    colour: Literal["grey", "rgb"] = "grey"
    """grey: one channel an image, colour converted; rgb: three channels an image, grey repeated."""

    @property
    def n_channels(self) -> int:
        """Channels of the array that the network sees."""
        return len(self.channels) * (3 if self.colour == "rgb" else 1)


class SegmentationHead(Section):
    """A task: a label for every voxel of an image."""

    kind: Literal["segmentation"] = "segmentation"
    """The kind of task."""
    structures: Annotated[dict[Name, LabelValues], Field(min_length=1)]
    """Value of each structure in the label maps, or a list of values that are read as its first."""
    of: str | None = None
    """Name of the image on whose grid the label map is drawn; by default the first channel of the first input."""

    @model_validator(mode="after")
    def _values_are_distinct(self) -> Self:
        given = [value for values in self.structures.values() for value in values]
        repeated = sorted({value for value in given if given.count(value) > 1})
        if repeated:
            raise ValueError(f"a value is given twice: {', '.join(map(str, repeated))}")
        return self

    @property
    def values(self) -> dict[str, int]:
        """The one value of each structure, where those that are read as another are replaced."""
        return {name: values[0] for name, values in self.structures.items()}

    @property
    def merged_values(self) -> dict[int, int]:
        """What every other value of a structure is read as."""
        return {other: first for first, *others in self.structures.values() for other in others}


class ClassificationHead(Section):
    """A task: one class (or, with `multi_label`, any number of them) for a case."""

    kind: Literal["classification"]
    """The kind of task."""
    classes: Annotated[tuple[str, ...], Field(min_length=1)]
    """Names of the classes, in the order of the logits."""
    ignore: tuple[str, ...] = ()
    """Classes of the data set that are no answer here: their cases count as having no target."""
    target: str | None = None
    """Name of the target in the index; by default the head's own name."""
    multi_label: bool = False
    """Whether a case may have several of the classes, or none."""

    @model_validator(mode="after")
    def _classes_are_distinct(self) -> Self:
        repeated = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if repeated:
            raise ValueError(f"a class is named twice: {', '.join(repeated)}")
        both = sorted({*self.classes} & {*self.ignore})
        if both:
            raise ValueError(f"a class is an answer and ignored: {', '.join(both)}")
        if len(self.classes) < 2 and not self.multi_label:
            raise ValueError("one class alone leaves nothing to tell apart")
        return self


def _kind_of_head(value: Any) -> object:
    return value.get("kind", "segmentation") if isinstance(value, dict) else getattr(value, "kind", "segmentation")


Head = Annotated[
    Annotated[SegmentationHead, Tag("segmentation")] | Annotated[ClassificationHead, Tag("classification")],
    Discriminator(_kind_of_head),
]


class Split(Section):
    """Shares of the subjects for training, validation and test."""

    train: Annotated[float, Field(gt=0, lt=1)] = 0.7
    """Share for training."""
    val: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share for selection: early stopping, best epoch, temperatures."""
    test: Annotated[float, Field(ge=0, lt=1)] = 0.15
    """Share touched by `medweave evaluate` alone."""
    seed: Annotated[int, Field(ge=0)] = 42
    """Seed of the draw."""

    @model_validator(mode="after")
    def _shares_sum_to_one(self) -> Self:
        if abs(self.train + self.val + self.test - 1) > 1e-6:
            raise ValueError(f"train + val + test must be 1, got {self.train + self.val + self.test:g}")
        return self


class Data(Section):
    """Where the study's images are and what is asked of them."""

    layout: ComponentField = Component(name="auto")
    """The folder's layout with its parameters, or auto."""
    exclude: tuple[str, ...] = ()
    """Names of cases that are left out, such as those with broken files."""
    inputs: Annotated[dict[Name, Input], Field(min_length=1)]
    """The model's inputs by name."""
    heads: Annotated[dict[Name, Head], Field(min_length=1)]
    """The model's tasks by name."""
    split: Split = Split()
    """How subjects are divided."""

    @property
    def segmentation_heads(self) -> dict[str, SegmentationHead]:
        """The segmentation tasks by name."""
        return {name: head for name, head in self.heads.items() if isinstance(head, SegmentationHead)}

    def image_of(self, head: str) -> str:
        """Return the image on whose grid a segmentation task's label map is drawn."""
        return self.segmentation_heads[head].of or next(iter(self.inputs.values())).channels[0]

    @property
    def classification_heads(self) -> dict[str, ClassificationHead]:
        """The classification tasks by name."""
        return {name: head for name, head in self.heads.items() if isinstance(head, ClassificationHead)}
