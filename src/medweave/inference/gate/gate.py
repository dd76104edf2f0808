"""The input gate: whether a model knows an image like this one. Kept beside the weights as JSON."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.core.errors import DataError, RunError
from medweave.core.files import read_json, write_json
from medweave.inference.gate.appearance import Appearance, TrainingAppearance
from medweave.inference.gate.features import FeatureSpace
from medweave.inference.gate.radiograph import broken_rules
from medweave.inference.gate.warning import InputWarning
from medweave.preprocessing.pipeline import Preprocessor
from medweave.preprocessing.readers.medical import read_channels

FORMAT = 1


@dataclass(frozen=True)
class InputGate:
    """What is known of the training cases, by input.

    Attributes:
        appearances: Intensities and sampling.
        features: Distribution in the feature space of each network of the model; none of an input where it could not
            be fitted.
        radiograph_rules: Codes of the rules of radiographs that the training images keep; none of other images.
    """

    appearances: Mapping[str, TrainingAppearance]
    features: tuple[Mapping[str, FeatureSpace], ...] = ()
    radiograph_rules: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def check_images(
        self, input_name: str, channels: Sequence[sitk.Image], paths: Sequence[Path], preprocessor: Preprocessor
    ) -> list[InputWarning]:
        """Compare an input with the training cases before it is preprocessed.

        Args:
            input_name: The input.
            channels: What the Preprocessor is given.
            paths: Files that they were read from.
            preprocessor: Of the input.
        """
        warnings = self.appearances[input_name].warnings(input_name, Appearance.of(channels, preprocessor))
        codes = self.radiograph_rules.get(input_name, ())
        for path in paths if codes else ():
            broken = broken_rules(picture_values(path), codes)
            warnings += [InputWarning(code, input_name, f"{message} ({path.name})") for code, message in broken.items()]
        return warnings

    def check_features(self, features: Sequence[Mapping[str, NDArray[np.float32]]]) -> list[InputWarning]:
        """Compare a case with the training cases in feature space; several networks are of one mind by their mean.

        Args:
            features: (F,) of each input that the case has, by network.
        """
        doubts: dict[str, list[float]] = {}
        for spaces, of_network in zip(self.features, features, strict=False):
            for name in spaces.keys() & of_network.keys():
                doubts.setdefault(name, []).append(spaces[name].doubt(of_network[name]))
        return [
            InputWarning(
                "features",
                name,
                f"to the network it is unlike the training cases ({np.mean(doubt):.2f} times the limit)",
            )
            for name, doubt in sorted(doubts.items())
            if not np.mean(doubt) <= 1  # NaN is doubtful too
        ]

    @classmethod
    def joined(cls, gates: "Sequence[InputGate]") -> "InputGate":
        """Return the gate of an ensemble: what any of its networks was trained on is known."""
        names = gates[0].appearances
        return cls(
            {name: TrainingAppearance.joined([gate.appearances[name] for gate in gates]) for name in names},
            tuple(features for gate in gates for features in gate.features),
            {
                name: tuple(
                    code
                    for code in gates[0].radiograph_rules.get(name, ())
                    if all(code in gate.radiograph_rules.get(name, ()) for gate in gates)
                )
                for name in names
            },
        )

    def save(self, path: Path) -> None:
        """Write input_gate.json."""
        write_json(
            path,
            {
                "format": FORMAT,
                "inputs": {
                    name: {
                        "appearance": appearance.to_json(),
                        "features": [spaces[name].to_json() if name in spaces else None for spaces in self.features],
                        "radiograph_rules": list(self.radiograph_rules.get(name, ())),
                    }
                    for name, appearance in self.appearances.items()
                },
            },
        )

    @classmethod
    def load(cls, path: Path) -> "InputGate | None":
        """Read input_gate.json; None where there is no such file, as in runs before there were gates.

        Raises:
            RunError: The file is damaged or of a newer version.
        """
        if not path.is_file():
            return None
        try:
            content = read_json(path)
            if content["format"] != FORMAT:
                raise ValueError(f"format {content['format']}, not {FORMAT}")
            return cls._of_json(content["inputs"])
        except (AttributeError, DataError, KeyError, TypeError, ValueError) as error:
            raise RunError(
                "the input gate cannot be read", where=path, got=error, fix="train again, or remove it."
            ) from error

    @classmethod
    def _of_json(cls, inputs: Mapping[str, dict[str, Any]]) -> "InputGate":
        networks = max((len(entry["features"]) for entry in inputs.values()), default=0)
        spaces: list[dict[str, FeatureSpace]] = [{} for _ in range(networks)]
        for name, entry in inputs.items():
            for number, content in enumerate(entry["features"]):
                if content is not None:
                    spaces[number][name] = FeatureSpace.from_json(content)
        return cls(
            {name: TrainingAppearance.from_json(entry["appearance"]) for name, entry in inputs.items()},
            tuple(spaces),
            {name: tuple(entry["radiograph_rules"]) for name, entry in inputs.items()},
        )


def picture_values(path: Path) -> NDArray[np.float32]:
    """Read a picture as the rules of radiographs take it: (channels, rows, columns), from 0 to 255.

    Raises:
        DataError: It cannot be read.
    """
    return np.stack([sitk.GetArrayFromImage(channel) for channel in read_channels(path, spatial_dims=2)])
