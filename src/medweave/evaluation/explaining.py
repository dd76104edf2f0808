"""Where the network looked in the cases that it finds hardest."""

from collections.abc import Sequence
from pathlib import Path

from medweave.data.case import Case
from medweave.evaluation.classification import ClassifiedCase, answers_of
from medweave.evaluation.report.classification import MAX_EXPLAINED, ExplainedCase, hardest_cases
from medweave.inference.predictor import Predictor
from medweave.inference.writers.attention import write_attention


def explain_hardest(
    predictor: Predictor, cases: Sequence[Case], classified: Sequence[ClassifiedCase], folder: Path
) -> list[ExplainedCase]:
    """Predict the hardest cases of each class head of the network again, and draw where it looked.

    Args:
        predictor: The model; if its networks cannot tell where they look, nothing is explained.
        cases: The judged cases.
        classified: Their answers.
        folder: Of the pictures.
    """
    if not predictor.can_explain:
        return []
    by_id = {case.case_id: case for case in cases}
    explained: list[ExplainedCase] = []
    for head in predictor.network_classes:
        answered = [answer for answer in classified if answer.head == head]
        info = predictor.classification_heads[head]
        if not answered:
            continue
        answers = answers_of(answered, classes=info.classes, multi_label=info.multi_label)
        hardest = [answered[position].case_id for position in hardest_cases(answers)[:MAX_EXPLAINED]]
        explained += [_explain(predictor, by_id[case_id], head, folder) for case_id in hardest]
    return explained


def _explain(predictor: Predictor, case: Case, head: str, folder: Path) -> ExplainedCase:
    prediction = predictor.predict(case, explain=True)
    attention = prediction.classifications[head].attention
    pictures = write_attention(
        prediction,
        head,
        case=case,
        source=predictor.source,
        segmentation_heads=predictor.segmentation_heads,
        folder=folder,
    )
    return ExplainedCase(
        case_id=case.case_id,
        head=head,
        class_name=attention.class_name if attention else "",
        inside=attention.inside if attention else {},
        pictures=tuple(pictures),
    )
