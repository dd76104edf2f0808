"""What is read of a case: its preprocessed inputs, and why they may be unknown to the model."""

from collections.abc import Mapping
from dataclasses import dataclass

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.study import StudySource
from medweave.inference.gate.gate import InputGate
from medweave.inference.gate.warning import InputWarning
from medweave.preprocessing.pipeline import Preprocessed


@dataclass(frozen=True)
class CaseInputs:
    """The inputs that a case has.

    Attributes:
        case: The case.
        inputs: Preprocessed, by name.
        warnings: Of the input gate.
    """

    case: Case
    inputs: Mapping[str, Preprocessed]
    warnings: tuple[InputWarning, ...] = ()

    @property
    def sizes(self) -> dict[str, tuple[int, ...]]:
        """Shape of each input's array; cases of equal sizes fit into one batch."""
        return {name: found.image.shape for name, found in self.inputs.items()}


def read_case(case: Case, source: StudySource, gate: InputGate | None) -> CaseInputs:
    """Read, check and preprocess the inputs that a case has.

    Args:
        case: Its files; label maps are not read.
        source: What to read of it.
        gate: Compares the images with the training cases; None for no check.

    Raises:
        DataError: A file cannot be used, or the case has no input at all.
    """
    having = [name for name in source.inputs if source.has_input(case, name)]
    begun = [name for name, entry in source.inputs.items() if len(source.missing(case, name)) < len(entry.image_names)]
    if not having and begun:
        missing = " and ".join(map(repr, source.missing(case, begun[0])))
        raise DataError(
            f"input {begun[0]!r} of the case is incomplete",
            where=f"case {case.case_id}, {next(iter(case.images.values())).parent}",
            got=f"images {', '.join(case.images)}",
            wanted=", ".join(source.inputs[begun[0]].image_names),
            fix=f"restore the file of {missing}.",
        )
    if not having:
        names = [image_name for entry in source.inputs.values() for image_name in entry.image_names]
        raise DataError(
            "the case has no input of the model",
            where=f"case {case.case_id}",
            got=f"images {', '.join(case.images) or 'none'}",
            wanted=", ".join(names),
            fix="name its images as the model does.",
        )
    inputs: dict[str, Preprocessed] = {}
    warnings: list[InputWarning] = []
    for name in having:
        channels = source.read_channels(case, name)
        if gate is not None:
            paths = [case.images[image_name] for image_name in source.inputs[name].image_names]
            warnings += gate.check_images(name, channels, paths, source.inputs[name].preprocessor)
        inputs[name] = source.preprocess(case, name, channels)
    return CaseInputs(case, inputs, tuple(warnings))
