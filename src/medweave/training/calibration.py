"""After the loop: a temperature for each classification head that the network answers."""

from collections.abc import Sequence

import numpy as np

from medweave.core.logging import get_logger
from medweave.data.preparation import PreparedCase
from medweave.inference.predictor import Predictor
from medweave.inference.temperature import TemperatureFit, fit_temperature

logger = get_logger(__name__)


def fit_temperatures(predictor: Predictor, validation: Sequence[PreparedCase]) -> dict[str, TemperatureFit]:
    """Fit the temperature of each head to the validation cases that have truth for it.

    Args:
        predictor: With the weights to calibrate.
        validation: The validation part, preprocessed.

    Returns:
        By head; one without any truth has none.
    """
    heads = {name: predictor.classification_heads[name] for name in predictor.network_classes}
    if not heads:
        return {}
    judged = [case for case in validation if heads.keys() & case.targets.keys()]
    logits = [predictor.logits(case.inputs()) for case in judged]
    fits = {}
    for name, head in heads.items():
        known = [number for number, case in enumerate(judged) if name in case.targets]
        if known:
            targets = np.array([judged[number].targets[name] for number in known])
            truth = targets > 0 if head.multi_label else np.arange(len(head.classes)) == targets[:, None]
            values = np.stack([logits[number][name] for number in known]).astype(np.float64)
            fits[name] = fit_temperature(values, truth, multi_label=head.multi_label)
            note = f" ({fits[name].note})" if fits[name].note else ""
            logger.info("head %s: temperature %.3f%s", name, fits[name].temperature, note)
    return fits
