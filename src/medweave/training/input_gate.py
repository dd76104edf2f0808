"""After the loop: what the training cases look like to the eye and to the network, for the input gate."""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medweave.inference.gate.appearance import Appearance, TrainingAppearance
from medweave.inference.gate.features import FeatureSpace, fit_feature_space
from medweave.inference.gate.gate import InputGate, picture_values
from medweave.inference.gate.radiograph import RADIOGRAPH_RULES, broken_rules
from medweave.inference.predictor import Predictor
from medweave.preprocessing.readers.raster import is_raster
from medweave.training.study_case import StudyCase, evenly_chosen

#: Cases of each part that are looked at, evenly chosen.
MAX_CASES = 200
#: Share of the training pictures that must keep a rule of radiographs for it to be applied.
KEPT_SHARE = 0.98


def fit_input_gate(
    predictor: Predictor,
    *,
    training: Sequence[StudyCase],
    validation: Sequence[StudyCase],
    on_case: Callable[[], None] = lambda: None,
) -> InputGate:
    """Learn what the inputs of a model are like.

    Args:
        predictor: With the best weights.
        training: Cases that the network was fitted to.
        validation: Cases that it was not; they set the limit in feature space.
        on_case: Called after each case that was looked at; `gate_cases` tells how many there are.
    """
    chosen = gate_cases(training)
    features: dict[str, list[Mapping[str, NDArray[np.float64]]]] = {"training": [], "validation": []}
    for part, cases in (("training", chosen), ("validation", gate_cases(validation))):
        for case in cases:
            (of_network,) = predictor.features(case.prepared.inputs())
            features[part].append({name: vector.astype(np.float64) for name, vector in of_network.items()})
            on_case()
    spaces: dict[str, FeatureSpace] = {}
    for name in predictor.source.inputs:
        of_training, of_validation = (
            [vectors[name] for vectors in features[part] if name in vectors] for part in ("training", "validation")
        )
        space = fit_feature_space(of_training, of_validation)
        if space is not None:
            spaces[name] = space
    return InputGate(
        {name: _appearance(predictor, name, training) for name in predictor.source.inputs},
        (spaces,),
        {name: _kept_rules(predictor, name, chosen) for name in predictor.source.inputs},
    )


def gate_cases(cases: Sequence[StudyCase]) -> list[StudyCase]:
    """Return the cases of a part that are looked at."""
    return evenly_chosen(cases, MAX_CASES)


def _appearance(predictor: Predictor, name: str, cases: Sequence[StudyCase]) -> TrainingAppearance:
    source, preprocessor = predictor.source, predictor.source.inputs[name].preprocessor
    having = gate_cases([entry for entry in cases if source.has_input(entry.case, name)])
    return TrainingAppearance.of(
        [Appearance.of(source.read_channels(entry.case, name), preprocessor) for entry in having],
        is_resized=preprocessor.resize_voxels is not None,
    )


def _kept_rules(predictor: Predictor, name: str, cases: Sequence[StudyCase]) -> tuple[str, ...]:
    """Return the rules that nearly all training images keep; none of anything but pictures."""
    paths = _pictures(predictor, name, cases)
    broken = [broken_rules(picture_values(path)) for path in paths]
    return tuple(
        code
        for code in RADIOGRAPH_RULES
        if broken and np.mean([code not in of_picture for of_picture in broken]) >= KEPT_SHARE
    )


def _pictures(predictor: Predictor, name: str, cases: Sequence[StudyCase]) -> list[Path]:
    source = predictor.source
    if source.inputs[name].preprocessor.spatial_dims != 2:
        return []
    paths = [
        entry.case.images[image_name]
        for entry in cases
        if source.has_input(entry.case, name)
        for image_name in source.inputs[name].image_names
    ]
    return paths if all(is_raster(path) for path in paths) else []
