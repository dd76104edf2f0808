"""summary.json: every head of an evaluation."""

from typing import Any

from medweave.evaluation.agreement import measurement_table, summarise_agreement
from medweave.evaluation.classification import summarise_classification
from medweave.evaluation.evaluator import summarise_segmentation
from medweave.evaluation.judging import Judgement
from medweave.evaluation.shortcut import summarise_control


def summarise(found: Judgement, *, split: str, n_part_cases: int, seed: int = 0) -> dict[str, Any]:
    """Return the content of summary.json.

    Args:
        found: Of every case that has truth for a head.
        split: Name of the part ("test", "val", "folds", "external").
        n_part_cases: Cases of the part with and without truth; those that lack it for a head are its
            `n_without_truth` and enter no number.
        seed: Of the intervals' resampling.
    """
    judged = {(case.case_id, case.subject_id) for case in found.scores}
    judged |= {(case.case_id, case.subject_id) for case in found.classified}
    segmentations = {
        head: summarise_segmentation(
            [case for case in found.scores if case.head == head], n_part_cases=n_part_cases, seed=seed
        )
        for head in found.segmentation_heads
    }
    classifications = {
        head: summarise_classification(
            [case for case in found.classified if case.head == head],
            classes=info.classes,
            multi_label=info.multi_label,
            n_part_cases=n_part_cases,
            seed=seed,
        )
        for head, info in found.classification_heads.items()
    }
    for head, info in found.classification_heads.items():
        controlled = {
            control: [case for case in cases if case.head == head] for control, cases in found.controlled.items()
        }
        if any(controlled.values()):
            classifications[head]["shortcut_control"] = summarise_control(
                controlled,
                classes=info.classes,
                multi_label=info.multi_label,
                n_judged=classifications[head]["n_cases"],
                judged_classes=[name for name, found in classifications[head]["per_class"].items() if found["support"]],
                seed=seed,
            )
    return {
        "split": split,
        "n_cases": len({case_id for case_id, _ in judged}),
        "n_subjects": len({subject_id for _, subject_id in judged}),
        "heads": {**segmentations, **classifications},
        "measurements": summarise_agreement(measurement_table(found.measured), seed=seed),
    }
