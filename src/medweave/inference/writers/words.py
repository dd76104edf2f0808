"""The words above a picture of an answer."""

from medweave.data.case import Case
from medweave.inference.prediction import Prediction


def picture_title(prediction: Prediction, case: Case, head: str | None) -> str:
    """Return the lines above a picture: the structures of a head, every class, and what makes the input doubtful.

    Args:
        prediction: The answers.
        case: The case.
        head: The segmentation head that is drawn, or None.
    """
    structures = ""
    if head is not None:
        found = prediction.segmentations[head]
        of_head = f", {head}" if len(prediction.segmentations) > 1 else ""
        structures = f"{of_head}: " + ", ".join(
            f"{name.replace('_', ' ')} {volume:.1f}{_deviation(found.volume_deviations_ml.get(name))} {found.unit}"
            for name, volume in found.volumes_ml.items()
        )
    lines = [f"{case.case_id}{structures}"]
    for name, answer in prediction.classifications.items():
        likeliest = sorted(answer.probabilities.items(), key=lambda entry: -entry[1])
        lines.append(f"{name}: " + ", ".join(f"{of_class} {value:.2f}" for of_class, value in likeliest))
    lines += [f"doubtful {warning}" for warning in prediction.warnings]
    return "\n".join(lines)


def _deviation(value: float | None) -> str:
    return "" if value is None else f" ± {value:.1f}"
