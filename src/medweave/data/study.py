"""What a study reads of each case: which images make an input, which label map belongs to a head."""

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.finding import MAX_CASES
from medweave.data.index import DatasetIndex
from medweave.preprocessing.pipeline import Preprocessed, Preprocessor
from medweave.preprocessing.readers.medical import read_channels, read_label_map
from medweave.preprocessing.readers.raster import Colour


@dataclass(frozen=True)
class InputSource:
    """An input: its images, stacked as channels, their preprocessing, and what becomes of colour."""

    image_names: tuple[str, ...]
    preprocessor: Preprocessor
    colour: Colour = "grey"

    @property
    def n_channels(self) -> int:
        """Channels of the array that the network sees."""
        return len(self.image_names) * (3 if self.colour == "rgb" else 1)


@dataclass(frozen=True)
class SegmentationSource:
    """A segmentation head: the input it sees, and the image on whose grid its label map is drawn.

    Attributes:
        input_name: The input.
        image_name: The image.
        structures: Value of each structure.
        merged_values: What further values of true label maps are read as.
    """

    input_name: str
    image_name: str
    structures: Mapping[str, int]
    merged_values: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class TargetSource:
    """A classification head: the target that it answers.

    Attributes:
        target: Name of the target in the index.
        classes: Names of the classes, in the order of the logits.
        ignore: Classes whose cases count as having no target.
        multi_label: Whether a case may have several classes, written `A|B`, or none, written as an empty name.
    """

    target: str
    classes: tuple[str, ...]
    ignore: tuple[str, ...] = ()
    multi_label: bool = False

    def names(self, case: Case) -> tuple[str, ...] | None:
        """Return the case's classes, of several in the head's order, or None where it has no target.

        Raises:
            DataError: A class is not one of the head's.
        """
        written = case.targets.get(self.target)
        if written is None:
            return None
        names = tuple(name for name in written.split("|") if name) if self.multi_label else (written,)
        if any(name in self.ignore for name in names):
            return None
        for name in names:
            if name not in self.classes:
                raise DataError(
                    f"target {self.target!r} has a class that the recipe does not know",
                    where=f"case {case.case_id}",
                    got=name,
                    wanted=", ".join(self.classes),
                    fix="correct the label, or name the class in the head's `classes` or `ignore`.",
                )
        return tuple(name for name in self.classes if name in names)

    def encode(self, case: Case) -> int | tuple[float, ...] | None:
        """Return the index of the case's class (multi-label: 0 or 1 for each class), or None without a target."""
        names = self.names(case)
        if names is None:
            return None
        if self.multi_label:
            return tuple(float(name in names) for name in self.classes)
        return self.classes.index(names[0])


@dataclass(frozen=True)
class StudySource:
    """Everything that a study reads of a case.

    Attributes:
        inputs: By input name.
        heads: By segmentation head.
        targets: By classification head.
    """

    inputs: Mapping[str, InputSource]
    heads: Mapping[str, SegmentationSource]
    targets: Mapping[str, TargetSource] = field(default_factory=dict)

    @property
    def first_target(self) -> str | None:
        """Name of the target that the first classification head answers, or None without such a head."""
        return next((source.target for source in self.targets.values()), None)

    def check(self, index: DatasetIndex) -> None:
        """Refuse an index that in every case lacks an image, a label map, a target or a class of the study.

        Raises:
            DataError: It does, or a case has a class that the study does not know.
        """
        for name, source in self.inputs.items():
            for image_name in source.image_names:
                if image_name not in index.image_names:
                    raise DataError(
                        f"no case has the image {image_name!r} of input {name!r}",
                        where=index.root,
                        got=f"images {', '.join(index.image_names)}",
                        fix=f"set data.inputs.{name}.channels to names from that list.",
                    )
        for name, head in self.heads.items():
            if head.image_name not in index.label_map_names:
                raise DataError(
                    f"no case has a label map of {head.image_name!r} for head {name!r}",
                    where=index.root,
                    got=f"label maps of {', '.join(index.label_map_names) or 'nothing'}",
                    fix=f"set data.heads.{name}.of to a name from that list.",
                )
        self._check_targets(index)

    def _check_targets(self, index: DatasetIndex) -> None:
        known = sorted({target for case in index.cases for target in case.targets})
        for name, target in self.targets.items():
            if target.target not in known:
                raise DataError(
                    f"no case has the target {target.target!r} of head {name!r}",
                    where=index.root,
                    got=f"targets {', '.join(known) or 'none'}",
                    fix=f"set data.heads.{name}.target to a name from that list.",
                )
            for case in index.cases:
                target.names(case)
        for name, target in self.targets.items():
            found = {name for case in index.cases for name in target.names(case) or ()}
            absent = [name for name in target.classes if name not in found]
            if absent:
                raise DataError(
                    f"no case is of class {absent[0]} of head {name!r}",
                    where=index.root,
                    got=f"classes {', '.join(sorted(found)) or 'none'}",
                    wanted=", ".join(target.classes),
                    fix=f"restore its folder or rows, or take it out of data.heads.{name}.classes.",
                )

    def left_out(self, cases: Sequence[Case]) -> list[str]:
        """Return a line on each reason why cases are not usable, with their names."""
        reasons = defaultdict(list)
        for case in cases:
            if not self.is_usable(case):
                reasons[self._why_left_out(case)].append(case.case_id)
        return [
            f"{len(names)} of {len(cases)} cases are in no part, because {reason} (cases {', '.join(names[:MAX_CASES])}"
            f"{f' and {len(names) - MAX_CASES} more' if len(names) > MAX_CASES else ''})"
            for reason, names in reasons.items()
        ]

    def _why_left_out(self, case: Case) -> str:
        if any(self.has_input(case, name) for name in self.inputs):
            return "they have neither a class that is asked for nor a label map on an image that they have"
        name = max(self.inputs, key=lambda name: len(self.inputs[name].image_names) - len(self.missing(case, name)))
        return f"input {name!r} lacks the image {' and '.join(map(repr, self.missing(case, name)))}"

    def missing(self, case: Case, name: str) -> list[str]:
        """Return the images of an input that the case lacks."""
        return [image_name for image_name in self.inputs[name].image_names if image_name not in case.images]

    def is_usable(self, case: Case) -> bool:
        """Tell whether the case has an input and a class, or a label map and the input that it is drawn on."""
        having = {name for name in self.inputs if self.has_input(case, name)}
        return any(
            head.image_name in case.label_maps and head.input_name in having for head in self.heads.values()
        ) or (bool(having) and any(target.names(case) is not None for target in self.targets.values()))

    def has_input(self, case: Case, name: str) -> bool:
        """Tell whether the case has every image of an input."""
        return not self.missing(case, name)

    def read_input(self, case: Case, name: str) -> Preprocessed:
        """Read and preprocess an input of a case.

        Raises:
            DataError: A file cannot be used; the message names the case and the file.
        """
        return self.preprocess(case, name, self.read_channels(case, name))

    def read_channels(self, case: Case, name: str) -> list[sitk.Image]:
        """Read the channels of an input of a case, as the Preprocessor takes them.

        Raises:
            DataError: A file cannot be used; the message names the case and the file.
        """
        source = self.inputs[name]
        paths = [case.images[image_name] for image_name in source.image_names]
        with blame(case, paths[0]):
            channels = [
                channel
                for path in paths
                for channel in read_channels(path, spatial_dims=source.preprocessor.spatial_dims, colour=source.colour)
            ]
            if len(channels) != source.n_channels:
                raise DataError(
                    "an image has the wrong number of channels",
                    where=paths[0],
                    got=f"{len(channels)}",
                    wanted=f"{source.n_channels}",
                    fix="store each channel as an image of its own.",
                )
            return channels

    def preprocess(self, case: Case, name: str, channels: Sequence[sitk.Image]) -> Preprocessed:
        """Preprocess the channels of an input of a case.

        Raises:
            DataError: They cannot be used; the message names the case and its first file.
        """
        source = self.inputs[name]
        with blame(case, case.images[source.image_names[0]]):
            return source.preprocessor(channels)

    def read_label_map(self, case: Case, head: str) -> sitk.Image | None:
        """Read the label map of a head on its own grid, or return None where the case has none.

        Raises:
            DataError: The file cannot be used.
        """
        source = self.heads[head]
        path = case.label_maps.get(source.image_name)
        if path is None:
            return None
        with blame(case, path):
            spatial_dims = self.inputs[source.input_name].preprocessor.spatial_dims
            return read_label_map(path, spatial_dims=spatial_dims, merged_values=source.merged_values)


@contextmanager
def blame(case: Case, path: object) -> Iterator[None]:
    """Add the case, and the file where it is not named yet, to a DataError raised in the block."""
    try:
        yield
    except DataError as error:
        where = error.where or path
        raise DataError(
            error.what, where=f"case {case.case_id}, {where}", got=error.got, wanted=error.wanted, fix=error.fix
        ) from error
