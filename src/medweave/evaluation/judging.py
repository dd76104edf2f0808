"""Predicting cases and holding the answers against the truth, one case at a time."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

import SimpleITK as sitk

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.data.index import DatasetIndex
from medweave.evaluation.agreement import MeasuredCase
from medweave.evaluation.classification import ClassifiedCase
from medweave.evaluation.evaluator import CaseScores, score_case
from medweave.evaluation.explaining import explain_hardest
from medweave.evaluation.report.classification import CaseImage, ExplainedCase
from medweave.evaluation.report.segmentation import CaseFiles
from medweave.evaluation.shortcut import CONTROLS, Control, controlled_cases
from medweave.inference.prediction import ClassificationHeadInfo, Prediction, SegmentationHeadInfo
from medweave.inference.predictor import Predictor
from medweave.inference.writers.nifti import write_nifti
from medweave.preprocessing.geometry import Grid, to_array
from medweave.preprocessing.readers.medical import read_label_map

#: Called with the number of cases done and the number of all.
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class Judgement:
    """The numbers of all judged cases, and the paths of their files.

    Attributes:
        segmentation_heads: What the label maps mean.
        classification_heads: What the classes mean.
        scores: Of each segmentation head on each case that has truth for it.
        classified: Answers of each classification head to each case that has truth for it.
        files: Of each case and segmentation head in `scores`.
        images: The first image of each case in `classified`.
        measured: Measurements of each case, of a model that measures.
        controlled: Answers of the network to each case with a masked region, under each control for shortcuts.
        explained: The hardest cases of each classification head, with where the network looked.
    """

    segmentation_heads: Mapping[str, SegmentationHeadInfo]
    classification_heads: Mapping[str, ClassificationHeadInfo]
    scores: list[CaseScores] = field(default_factory=list)
    classified: list[ClassifiedCase] = field(default_factory=list)
    files: dict[tuple[str, str], CaseFiles] = field(default_factory=dict)
    images: dict[str, CaseImage] = field(default_factory=dict)
    measured: list[MeasuredCase] = field(default_factory=list)
    controlled: dict[Control, list[ClassifiedCase]] = field(default_factory=dict)
    explained: list[ExplainedCase] = field(default_factory=list)


@dataclass(frozen=True)
class _Truth:
    """What is known of a case: the label map and the classes of each head that it has them for."""

    label_maps: Mapping[str, Path]
    classes: Mapping[str, tuple[str, ...]]


def judge(
    predictor: Predictor,
    index: DatasetIndex,
    predictions: Path,
    *,
    on_progress: OnProgress,
    shortcut_control: bool = False,
) -> Judgement:
    """Predict and judge every case with truth, keeping one in memory at a time.

    Args:
        predictor: The model.
        index: The cases.
        predictions: Folder, made where it is absent, for the predicted label maps, where the model gives any.
        on_progress: Called after each case.
        shortcut_control: Also predict each case with a masked region without it, and with nothing else.

    Raises:
        DataError: No case has truth, or a file cannot be used.
    """
    truths = {case.case_id: _truth(predictor, case) for case in index.cases}
    judged = [case for case in index.cases if truths[case.case_id].label_maps or truths[case.case_id].classes]
    if not judged:
        raise DataError(
            "no case has a true label map" + (" or class" if predictor.classification_heads else ""),
            where=index.root,
            got=f"{len(index.cases)} cases",
            fix="add the truth, or predict these images with `medweave predict`.",
        )
    if predictor.segmentation_heads:
        predictions.mkdir(exist_ok=True)
    found = Judgement(predictor.segmentation_heads, predictor.classification_heads)
    for done, case in enumerate(judged, start=1):
        prediction = predictor.predict(case)
        truth = truths[case.case_id]
        _judge_segmentations(found, predictor, case, prediction, truth=truth, predictions=predictions)
        _judge_classes(found, predictor, case, prediction, truth=truth)
        _judge_measurements(found, predictor, case, prediction, truth=truth)
        if shortcut_control:
            _judge_without_regions(found, predictor, case, prediction, truth=truth)
        on_progress(done, len(judged))
    found.explained.extend(explain_hardest(predictor, judged, found.classified, predictions))
    return found


def pooled(judgements: Sequence[Judgement]) -> Judgement:
    """Join what models of one recipe, each on cases of its own, were found to answer.

    Args:
        judgements: At least one.
    """
    first = judgements[0]
    controls = {control for found in judgements for control in found.controlled}
    return Judgement(
        first.segmentation_heads,
        first.classification_heads,
        scores=[scores for found in judgements for scores in found.scores],
        classified=[answer for found in judgements for answer in found.classified],
        files={key: files for found in judgements for key, files in found.files.items()},
        images={case_id: image for found in judgements for case_id, image in found.images.items()},
        measured=[case for found in judgements for case in found.measured],
        explained=[case for found in judgements for case in found.explained],
        controlled={
            control: [answer for found in judgements for answer in found.controlled.get(control, ())]
            for control in CONTROLS
            if control in controls
        },
    )


def refuse_uncontrolled(found: Judgement, index: DatasetIndex) -> None:
    """Refuse a control of shortcuts that had nothing to control.

    Raises:
        DataError: No case has a masked region.
    """
    if not found.controlled:
        raise DataError(
            "no case has a masked region for the control of shortcuts",
            where=index.root,
            wanted="a true or predicted label map on the grid of every image of a case with a class",
            fix="add masks, or evaluate without the control.",
        )


def _truth(predictor: Predictor, case: Case) -> _Truth:
    """Return what is known of a case; a label map is of no use without the image that it is drawn on."""
    having = [name for name in predictor.source.inputs if predictor.source.has_input(case, name)]
    label_maps = {
        head: path
        for head, info in predictor.segmentation_heads.items()
        if info.input_name in having and (path := predictor.truth_path(case, head)) is not None
    }
    classes = {
        head: names
        for head in predictor.classification_heads
        if having and (names := predictor.source.targets[head].names(case)) is not None
    }
    return _Truth(label_maps, classes)


def _judge_segmentations(
    found: Judgement, predictor: Predictor, case: Case, prediction: Prediction, *, truth: _Truth, predictions: Path
) -> None:
    for head, true_path in truth.label_maps.items():
        label_map = prediction.segmentations[head].label_map
        path = predictions / f"{case.case_id}_{head}.nii.gz"
        write_nifti(label_map, path)
        image = predictor.image_path(case, head)
        info = predictor.segmentation_heads[head]
        files = CaseFiles(image, true_path, path, label_map.GetDimension(), info.merged_values)
        found.files[case.case_id, head] = files
        found.scores.append(_score(case, head, label_map=label_map, truth=true_path, info=info))


def _judge_classes(
    found: Judgement, predictor: Predictor, case: Case, prediction: Prediction, *, truth: _Truth
) -> None:
    for head in truth.classes:
        found.classified.append(_answer(predictor, case, prediction, head, truth))
        source = next(
            source for name, source in predictor.source.inputs.items() if predictor.source.has_input(case, name)
        )
        found.images[case.case_id] = CaseImage(case.images[source.image_names[0]], source.preprocessor.spatial_dims)


def _judge_without_regions(
    found: Judgement, predictor: Predictor, case: Case, prediction: Prediction, *, truth: _Truth
) -> None:
    """Let the network classify the case again with its images altered, where they have a masked region."""
    heads = [head for head in truth.classes if head in predictor.network_classes]
    if not heads:
        return
    with TemporaryDirectory(prefix="medweave-control-") as folder:
        for control, altered in controlled_cases(predictor, case, prediction, Path(folder)).items():
            answered = prediction if control == "whole_image" else predictor.predict(altered)
            answers = [_answer(predictor, case, answered, head, truth) for head in heads]
            found.controlled.setdefault(control, []).extend(answers)


def _answer(predictor: Predictor, case: Case, prediction: Prediction, head: str, truth: _Truth) -> ClassifiedCase:
    return ClassifiedCase(
        case_id=case.case_id,
        subject_id=case.subject_id,
        head=head,
        truth=truth.classes[head],
        probabilities=prediction.classifications[head].probabilities,
        missing_inputs=prediction.missing_inputs,
        temperature=predictor.classification_heads[head].temperature,
    )


def _judge_measurements(
    found: Judgement, predictor: Predictor, case: Case, prediction: Prediction, *, truth: _Truth
) -> None:
    """Take the same measurements in the true label maps, where there are any."""
    if predictor.measuring is None:
        return
    true_maps = {head: predictor.source.read_label_map(case, head) for head in truth.label_maps}
    label_maps = {head: label_map for head, label_map in true_maps.items() if label_map is not None}
    true = predictor.measuring.measure(label_maps, case.attributes) if label_maps else ()
    found.measured.append(MeasuredCase(case.case_id, case.subject_id, prediction.measurements, true))


def _score(case: Case, head: str, *, label_map: sitk.Image, truth: Path, info: SegmentationHeadInfo) -> CaseScores:
    """Score a head on a case, in the case's own grid."""
    grid = Grid.of(label_map)
    true_map = read_label_map(truth, spatial_dims=grid.spatial_dims, merged_values=info.merged_values)
    difference = grid.difference(Grid.of(true_map))
    if difference:
        raise DataError(
            "the true label map does not lie on the image's grid",
            where=f"case {case.case_id}, {truth}",
            got=difference,
            fix="resample the label map to its image, or leave the case out.",
        )
    found = score_case(to_array(label_map), to_array(true_map), structures=info.structures, grid=grid)
    return CaseScores(case.case_id, case.subject_id, head, found)
