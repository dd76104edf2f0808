"""What is found on cases whose truth is known, accumulated over them."""

from collections import defaultdict
from collections.abc import Mapping

import numpy as np
import SimpleITK as sitk
from numpy.typing import NDArray

from medweave.data.case import Case
from medweave.data.preparation import Target
from medweave.inference.prediction import Prediction
from medweave.inference.predictor import Predictor
from medweave.metrics.overlap import dice_of_structures, mean_dice
from medweave.training.class_scores import class_scores


class ValidationScores:
    """Collects the answers to the validation cases; a case counts for a head only where it has the head's truth."""

    def __init__(self) -> None:
        self._losses: defaultdict[str, list[float]] = defaultdict(list)
        self._dice: defaultdict[str, list[Mapping[str, float]]] = defaultdict(list)
        self._classified: defaultdict[str, list[tuple[NDArray[np.float32], Target]]] = defaultdict(list)

    def add_loss(self, head: str, loss: float) -> None:
        """Add the loss of a head on a case."""
        self._losses[head].append(loss)

    def add_dice(self, head: str, of_structures: Mapping[str, float]) -> None:
        """Add the Dice of each structure of a segmentation head on a case."""
        self._dice[head].append(of_structures)

    def add_class(self, head: str, logits: NDArray[np.float32], target: Target) -> None:
        """Add the answer of a classification head to a case, logits (classes,)."""
        self._classified[head].append((logits, target))

    def add_answers(
        self,
        predictor: Predictor,
        case: Case,
        targets: Mapping[str, Target],
        *,
        logits: Mapping[str, NDArray[np.float32]],
        prediction: Prediction,
    ) -> dict[str, dict[str, float]]:
        """Compare the answers to a case with its truth, as far as it has one.

        Args:
            predictor: Which gave them.
            case: The case.
            targets: Its targets by classification head.
            logits: Of the network.
            prediction: What the predictor made of them, on the case's own grid.

        Returns:
            Dice of each structure by segmentation head; heads without truth are left out.
        """
        for head in predictor.network_classes:
            if head in targets:
                self.add_class(head, logits[head], targets[head])
        dice: dict[str, dict[str, float]] = {}
        for head, info in predictor.segmentation_heads.items():
            truth = predictor.source.read_label_map(case, head)
            if truth is None or head not in prediction.segmentations:
                continue
            predicted = sitk.GetArrayViewFromImage(prediction.segmentations[head].label_map)
            dice[head] = dice_of_structures(predicted, sitk.GetArrayViewFromImage(truth), info.structures)
            self.add_dice(head, dice[head])
        return dice

    def values(self) -> dict[str, float]:
        """Return what is logged of a validation, by name.

        `val/loss_HEAD` is the mean over the cases with truth and `val/loss` the sum over the heads;
        `val/dice_HEAD_STRUCTURE` is a mean, and `val/dice` the mean over heads of that over structures and cases;
        `val/accuracy_HEAD`, `val/balanced_accuracy_HEAD` and `val/auc_HEAD` are of all cases together. `val/score` is
        the mean over the heads of the mean Dice of a segmentation and the balanced accuracy of a classification. What
        has no truth is left out.
        """
        values = {f"val/loss_{head}": float(np.mean(losses)) for head, losses in self._losses.items()}
        if values:
            values["val/loss"] = sum(values.values())
        scores = []
        for head, cases in self._dice.items():
            for structure in cases[0]:
                values[f"val/dice_{head}_{structure}"] = float(np.mean([case[structure] for case in cases]))
            scores.append(float(np.mean([mean_dice(case) for case in cases])))
        if scores:
            values["val/dice"] = float(np.mean(scores))
        for head, answers in self._classified.items():
            logits, targets = zip(*answers, strict=True)
            of_head = class_scores(np.stack(logits), targets)
            values |= {f"val/{name}_{head}": value for name, value in of_head.items()}
            scores.append(of_head["balanced_accuracy"])
        if scores:
            values["val/score"] = float(np.mean(scores))
        return values
