import json
import time
from dataclasses import replace

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from medweave.core.errors import DataError
from medweave.evaluation.classification import (
    ClassifiedCase,
    classification_report,
    pattern_name,
    predictions_table,
    summarise_classification,
)

CLASSES = ("normal", "bacterial", "viral")


def _cases(n_cases, *, seed=0, per_subject=1, missing=()):
    """Cases of three classes; every third one lacks the inputs `missing`."""
    rng = np.random.default_rng(seed)
    truth = np.arange(n_cases) % 3
    probabilities = rng.dirichlet(np.ones(3), n_cases) * 0.7 + 0.3 * np.eye(3)[truth]
    return [
        ClassifiedCase(
            case_id=f"case_{number:03}",
            subject_id=f"subject_{number // per_subject:03}",
            head="diagnosis",
            truth=(CLASSES[truth[number]],),
            probabilities=dict(zip(CLASSES, probabilities[number].tolist(), strict=True)),
            missing_inputs=tuple(missing) if number % 3 == 2 else (),
        )
        for number in range(n_cases)
    ]


def _summary(cases, *, classes=CLASSES, multi_label=False, n_part_cases=None):
    return summarise_classification(
        cases, classes=classes, multi_label=multi_label, n_part_cases=n_part_cases or len(cases)
    )


def _to_the_power(probabilities, exponent):
    powers = {name: value**exponent for name, value in probabilities.items()}
    return {name: value / sum(powers.values()) for name, value in powers.items()}


def _certain(truths, answers, *, classes=CLASSES):
    """Cases with one truth and one certain answer each."""
    return [
        ClassifiedCase(
            str(number), str(number), "diagnosis", (truth,), {name: float(name == answer) for name in classes}
        )
        for number, (truth, answer) in enumerate(zip(truths, answers, strict=True))
    ]


def test_the_summary_holds_counts_means_intervals_and_the_confusion_matrix():
    cases = _cases(60)
    summary = _summary(cases, n_part_cases=64)
    truth = [case.truth[0] for case in cases]
    predicted = [max(case.probabilities, key=case.probabilities.get) for case in cases]
    assert (summary["kind"], summary["n_cases"], summary["n_without_truth"]) == ("classification", 60, 4)
    assert summary["classes"] == list(CLASSES)
    assert summary["confusion_matrix"] == reference.confusion_matrix(truth, predicted, labels=CLASSES).tolist()
    accuracy = summary["accuracy"]
    assert accuracy["mean"] == pytest.approx(reference.accuracy_score(truth, predicted))
    assert accuracy["ci95"][0] < accuracy["mean"] < accuracy["ci95"][1]
    assert summary["macro_f1"]["mean"] == pytest.approx(reference.f1_score(truth, predicted, average="macro"))
    assert summary["per_class"]["viral"]["support"] == 20
    assert summary["per_class"]["viral"]["predicted"] == predicted.count("viral")
    assert (summary["by_missing_inputs"], summary["notes"]) == ({}, [])
    json.dumps(summary, allow_nan=False)


def test_the_interval_of_the_accuracy_is_near_the_binomial_one():
    summary = _summary(_cases(300))["accuracy"]
    theirs = stats.binomtest(round(summary["mean"] * 300), 300).proportion_ci(method="wilson")
    assert summary["ci95"] == pytest.approx([theirs.low, theirs.high], abs=0.015)


def test_several_images_of_a_subject_widen_the_interval():
    # Images of a subject are all right or all wrong: twenty subjects, not sixty images.
    truths = ["normal", "bacterial"] * 10
    answers = ["normal" if number % 4 else "viral" for number in range(20)]
    single = _certain(truths, answers)
    copies = [
        ClassifiedCase(f"{case.case_id}{copy}", *list(vars(case).values())[1:]) for case in single for copy in "abc"
    ]
    independent = [ClassifiedCase(case.case_id, case.case_id, *list(vars(case).values())[2:]) for case in copies]
    widths = [np.diff(_summary(cases)["accuracy"]["ci95"])[0] for cases in (single, copies, independent)]
    assert widths[1] == pytest.approx(widths[0])
    assert widths[2] < 0.7 * widths[1]


def test_an_absent_class_leaves_null_and_a_note():
    cases = [case for case in _cases(30) if case.truth != ("viral",)]
    summary = _summary(cases)
    assert summary["notes"] == ["no case is viral: its metrics and the means over classes are undefined"]
    for undefined in (summary["roc_auc"], summary["balanced_accuracy"], summary["per_class"]["viral"]["recall"]):
        assert (undefined["mean"], undefined["ci95"]) == (None, [None, None])
    assert summary["accuracy"]["mean"] is not None
    assert summary["per_class"]["normal"]["roc_auc"]["mean"] is not None
    json.dumps(summary, allow_nan=False)


def test_resamples_without_a_class_are_counted():
    cases = _cases(24)
    rare = cases[:4] + [case for case in cases[4:] if case.truth != ("viral",)]
    summary = _summary(rare)
    share = (1 - 1 / len(rare)) ** len(rare)
    assert summary["roc_auc"]["undefined_resamples"] / 2000 == pytest.approx(share, abs=0.04)
    assert summary["per_class"]["normal"]["roc_auc"]["undefined_resamples"] == 0
    assert summary["accuracy"]["undefined_resamples"] == 0


def test_a_class_of_few_subjects_has_wide_intervals_and_a_note():
    cases = _cases(90)
    some = cases[:60] + [case for case in cases[60:] if case.truth != ("viral",)]
    few = [case for case in cases if case.truth != ("viral",)] + [case for case in cases if case.truth == ("viral",)][
        :3
    ]
    one = few[:-2]
    width = {
        name: np.ptp(_summary(chosen)["per_class"]["viral"]["roc_auc"]["ci95"])
        for name, chosen in {"some": some, "few": few}.items()
    }
    assert width["few"] > width["some"]
    note = "fewer than 4 subjects are viral: intervals that rest on them are too narrow, or absent"
    assert (_summary(some)["notes"], _summary(few)["notes"], _summary(one)["notes"]) == ([], [note], [note])
    alone = _summary(one)
    for found in (alone["roc_auc"], alone["macro_f1"], alone["per_class"]["viral"]["pr_auc"]):
        assert found["mean"] is not None
        assert found["ci95"] == [None, None]
    assert alone["accuracy"]["ci95"][0] is not None
    assert alone["per_class"]["viral"]["recall"]["ci95"] in ([0.0, 0.975], [0.025, 1.0])  # exact, of one subject


def test_a_mean_over_labels_is_no_surer_than_its_rarest_label():
    labels = ("common", "rare")
    rng = np.random.default_rng(1)
    cases = [
        ClassifiedCase(
            str(number),
            str(number),
            "findings",
            tuple(name for name, having in zip(labels, (number % 2 == 0, number < 2), strict=True) if having),
            dict(zip(labels, rng.uniform(size=2).tolist(), strict=True)),
        )
        for number in range(30)
    ]
    summary = _summary(cases, classes=labels, multi_label=True)
    rare = summary["per_class"]["rare"]["roc_auc"]["ci95"]
    assert summary["notes"] == ["fewer than 4 subjects are rare: intervals that rest on them are too narrow, or absent"]
    assert np.ptp(summary["roc_auc"]["ci95"]) > 0.4 * np.ptp(rare)  # half of the mean varies as the rare label does
    everywhere = [replace(case, truth=("common", *case.truth[-1:])) for case in cases]
    found = _summary(
        [replace(case, truth=tuple(dict.fromkeys(case.truth))) for case in everywhere], classes=labels, multi_label=True
    )
    assert found["macro_recall"]["ci95"][0] is not None  # rests on no negative, of which one label has none
    assert found["roc_auc"]["mean"] is None


def test_few_subjects_without_a_label_have_a_note_too():
    cases = _certain(["a"] * 10, ["a"] * 10, classes=("a",))
    cases = [replace(case, truth=() if number < 2 else case.truth) for number, case in enumerate(cases)]
    assert _summary(cases, classes=("a",), multi_label=True)["notes"] == [
        "fewer than 4 subjects are not a: intervals that rest on them are too narrow, or absent"
    ]


def test_cases_of_one_class_alone_have_no_area():
    summary = _summary(_certain(["normal"] * 4, ["normal", "normal", "viral", "normal"]))
    assert summary["roc_auc"]["mean"] is None
    assert summary["notes"][1] == "every case is normal: specificity and ROC AUC are undefined"
    assert summary["accuracy"]["mean"] == 0.75


def test_proportions_without_any_error_have_the_exact_binomial_interval_and_the_rest_has_none():
    summary = _summary(_certain(CLASSES * 4, CLASSES * 4))
    assert summary["accuracy"]["ci95"] == pytest.approx([stats.binomtest(12, 12).proportion_ci().low, 1])
    assert summary["per_class"]["viral"]["recall"]["ci95"] == pytest.approx([0.025 ** (1 / 4), 1])
    assert summary["per_class"]["viral"]["specificity"]["ci95"] == pytest.approx([0.025 ** (1 / 8), 1])
    assert (summary["macro_f1"]["mean"], summary["macro_f1"]["ci95"]) == (1, [None, None])


def test_a_class_that_is_never_found_has_the_exact_interval_too():
    summary = _summary(_certain(["normal", "viral"] * 5, ["normal"] * 10))
    assert summary["per_class"]["viral"]["recall"]["mean"] == 0
    assert summary["per_class"]["viral"]["recall"]["ci95"] == pytest.approx(
        [0, stats.binomtest(0, 5).proportion_ci().high]
    )


def test_the_interval_of_the_calibration_error_covers_that_of_the_population():
    # Answers right as often as they are sure: the true error is 0, and plain percentiles would lie above the estimate.
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(20):
        sure = rng.uniform(0.5, 1, 60)
        right = rng.random(60) < sure
        cases = [
            ClassifiedCase(str(number), str(number), "d", ("a" if hit else "b",), {"a": p, "b": 1 - p})
            for number, (p, hit) in enumerate(zip(sure.tolist(), right, strict=True))
        ]
        ece = _summary(cases, classes=("a", "b"))["ece"]
        assert ece["ci95"][0] <= ece["mean"] <= ece["ci95"][1]
        covered += ece["ci95"][0] <= 0.02
    assert covered >= 12


def test_the_calibration_error_is_given_with_and_without_the_temperature():
    cases = _cases(60)
    plain = _summary(cases)
    assert plain["ece_uncalibrated"]["mean"] == pytest.approx(plain["ece"]["mean"])
    sharpened = [
        ClassifiedCase(case.case_id, case.subject_id, "d", case.truth, _to_the_power(case.probabilities, 1 / 2))
        for case in cases
    ]
    cooled = _summary([replace(case, temperature=2.0) for case in sharpened])
    assert cooled["temperature"] == 2
    assert cooled["ece_uncalibrated"]["mean"] == pytest.approx(plain["ece"]["mean"])
    assert cooled["ece"]["mean"] != pytest.approx(plain["ece"]["mean"])


def test_cases_of_several_temperatures_are_each_judged_without_their_own():
    cases = _cases(60)
    sharpened = [
        replace(case, probabilities=_to_the_power(case.probabilities, 1 / temperature), temperature=temperature)
        for case, temperature in zip(cases, [2.0, 0.5, 1.0] * 20, strict=True)
    ]
    found = _summary(sharpened)
    assert found["temperature"] is None
    assert found["ece_uncalibrated"]["mean"] == pytest.approx(_summary(cases)["ece"]["mean"])


def test_one_subject_has_no_interval():
    cases = _cases(6, per_subject=6)
    assert _summary(cases)["accuracy"]["ci95"] == [None, None]


def test_each_pattern_of_missing_inputs_is_judged():
    cases = _cases(60, missing=("flair", "post"))
    patterns = _summary(cases)["by_missing_inputs"]
    assert list(patterns) == ["complete", "without flair, post"]
    assert [(pattern["n"], pattern["n_subjects"]) for pattern in patterns.values()] == [(40, 40), (20, 20)]
    assert patterns["without flair, post"]["missing_inputs"] == ["flair", "post"]
    alone = _summary([case for case in cases if not case.missing_inputs])
    assert patterns["complete"]["accuracy"] == alone["accuracy"]
    assert patterns["without flair, post"]["roc_auc"]["mean"] is None  # all of them are viral


def test_patterns_are_named_for_people():
    assert (pattern_name(()), pattern_name(("flair",))) == ("complete", "without flair")


def test_multi_label_cases_may_have_several_classes_or_none():
    truths = [("a", "b"), (), ("a",), ("b",), ("a", "b"), ()]
    probabilities = [(0.9, 0.8), (0.2, 0.6), (0.7, 0.1), (0.4, 0.9), (0.6, 0.3), (0.1, 0.2)]
    cases = [
        ClassifiedCase(str(number), str(number), "findings", truth, dict(zip("ab", row, strict=True)))
        for number, (truth, row) in enumerate(zip(truths, probabilities, strict=True))
    ]
    summary = _summary(cases, classes=("a", "b"), multi_label=True)
    assert summary["accuracy"]["mean"] == pytest.approx(4 / 6)
    assert summary["confusion_matrix"] == [[[3, 0], [0, 3]], [[2, 1], [1, 2]]]
    table = predictions_table(cases, classes=("a", "b"), multi_label=True)
    assert table["true_class"].tolist() == ["a|b", "", "a", "b", "a|b", ""]
    assert table["pred_class"].tolist() == ["a|b", "b", "a", "b", "a", ""]
    report = classification_report(cases, classes=("a", "b"), multi_label=True)
    assert report["b"]["recall"] == pytest.approx(2 / 3)
    assert {"micro avg", "macro avg", "weighted avg", "samples avg"} < {*report}


def test_a_head_without_any_truth_has_its_counts_alone():
    summary = _summary([], n_part_cases=5)
    assert (summary["n_cases"], summary["n_without_truth"], summary["accuracy"]) == (0, 5, None)


@pytest.mark.parametrize(
    ("truth", "got"), [(("fungal",), "fungal"), ((), "no class"), (("normal", "viral"), r"normal\|viral")]
)
def test_a_truth_that_is_not_one_of_the_classes_is_refused(truth, got):
    case = ClassifiedCase("c7", "s", "diagnosis", truth, dict.fromkeys(CLASSES, 1 / 3))
    with pytest.raises(DataError, match=rf"case c7, head diagnosis.*got {got}; wanted one of normal, bacterial"):
        _summary([case])


def test_the_report_is_scikit_learns():
    cases = _cases(30)
    predicted = [max(case.probabilities, key=case.probabilities.get) for case in cases]
    theirs = reference.classification_report(
        [case.truth[0] for case in cases], predicted, labels=CLASSES, output_dict=True
    )
    assert classification_report(cases, classes=CLASSES, multi_label=False) == theirs


def test_the_table_has_six_decimals_and_what_was_missing():
    table = predictions_table(_cases(3, missing=("flair", "post")), classes=CLASSES, multi_label=False)
    assert table.columns.tolist() == [
        "case_id",
        "subject_id",
        "true_class",
        "pred_class",
        "prob_normal",
        "prob_bacterial",
        "prob_viral",
        "missing_inputs",
    ]
    assert table["missing_inputs"].tolist() == ["", "", "flair|post"]
    assert all(len(value.split(".")[1]) == 6 for value in table["prob_viral"])


def test_a_thousand_cases_of_seven_classes_are_judged_in_a_moment():
    rng = np.random.default_rng(0)
    names = [f"class {number}" for number in range(7)]
    cases = [
        ClassifiedCase(str(number), str(number), "d", (names[number % 7],), dict(zip(names, row.tolist(), strict=True)))
        for number, row in enumerate(rng.dirichlet(np.ones(7), 1000))
    ]
    started = time.process_time()
    _summary(cases, classes=names)
    # 0.8 s on one core of a laptop; the bound only catches a loop over the resamples.
    assert time.process_time() - started < 5


def test_a_head_of_one_label_that_may_be_absent_counts_that_label():
    cases = [
        ClassifiedCase(
            str(number), str(number), "sign", ("d",) if number < 3 else (), {"d": 0.9 if number < 2 else 0.1}
        )
        for number in range(9)
    ]
    summary = _summary(cases, classes=("d",), multi_label=True)
    assert summary["confusion_matrix"] == [[[6, 0], [1, 2]]]
    report = classification_report(cases, classes=("d",), multi_label=True)
    assert report["d"] == pytest.approx({"precision": 1, "recall": 2 / 3, "f1-score": 0.8, "support": 3})
