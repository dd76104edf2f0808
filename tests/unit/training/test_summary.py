from medweave.data.case import Case
from medweave.data.split import Split
from medweave.data.study import TargetSource
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder
from medweave.training.summary import class_counts, measurement_lines, summarise_training, summary_markdown
from medweave.training.trainer import Outcome

HISTORY = [
    {"epoch": 1.0, "lr": 0.1, "train/loss": 0.9, "val/score": 0.5},
    {"epoch": 2.0, "lr": 0.1, "train/loss": 0.6, "val/score": 0.75},
    {"epoch": 3.0, "lr": 0.1, "train/loss": 0.5},
]


def _summary(tmp_path, measured=None):
    return summarise_training(
        Outcome(
            epochs=3, best_epoch=2, best_value=0.75, history=HISTORY, ended="all 3 epochs were done", ended_early=False
        ),
        recipe=load_recipe("heart_small"),
        split=Split(train=("a", "b"), val=("c",), test=("d",)),
        classes={"grade": {"train": {"low": 2}}},
        folder=RunFolder(tmp_path),
        parameters=1234567,
        seconds=90.04,
        measured=measured or {},
        fitted={"cases": 1, "scores": {"score": 0.7}},
    )


def test_the_summary_names_the_best_epoch_from_one_and_its_values(tmp_path):
    summary = _summary(tmp_path)
    assert (summary["monitor"], summary["best_value"], summary["best_epoch"], summary["epochs"]) == (
        "val/score",
        0.75,
        2,
        3,
    )
    assert summary["at_best_epoch"] == {"train/loss": 0.6, "val/score": 0.75}
    assert summary["last_epoch"] == {"train/loss": 0.5}
    assert summary["cases"] == {"train": 2, "val": 1, "test": 1}
    assert summary["classes"] == {"grade": {"train": {"low": 2}}}
    assert summary["seconds"] == 90.0


def test_the_files_are_relative_to_the_run(tmp_path):
    files = _summary(tmp_path)["files"]
    assert files["best_checkpoint"] == "checkpoints/best.ckpt"
    assert files["curves"] == "figures/training_curves.png"


def test_the_markdown_says_it_in_a_sentence_and_a_table(tmp_path):
    text = summary_markdown(_summary(tmp_path))
    assert text.startswith(
        "# heart_small\n\n**Best val/score: 0.7500** in epoch 2 of 3,\nafter 1.5 minutes in all; all 3 epochs were"
    )
    assert "1,234,567 parameters" in text
    assert "| train/loss | 0.6000 |" in text
    assert (
        "\n| score | validation (1) | training (1) |\n| --- | --- | --- |\n| score | 0.7500 | 0.7000 |\n"
        "\nScore 0.7500 on validation cases, 0.7000 on training cases: it underfits; more epochs, a larger network or"
        " less augmentation may help.\n\n!["
    ) in text
    assert "![Training curves](figures/training_curves.png)" in text


def test_what_measurements_tell_is_in_both(tmp_path):
    facts = {"method": "extra_trees", "parts": ["train", "val"], "n_cases": 60, "n_subjects": 51}
    accuracy = {"mean": 0.9, "ci95": [0.8, 0.951]}
    summary = _summary(tmp_path, {"diagnosis": {**facts, "cross_validated_accuracy": accuracy}})
    line = (
        "diagnosis by measurements (extra_trees): accuracy 0.900 (0.800 to 0.951), cross-validated over 51 training and"
        " validation subjects"
    )
    assert summary["measurement_classifiers"]["diagnosis"]["n_cases"] == 60
    assert measurement_lines(summary) == [line]
    assert f".\n\nD{line[1:]}.\n\n![Training curves]" in summary_markdown(summary)


def test_what_could_not_be_cross_validated_is_said(tmp_path):
    facts = {"method": "best_of", "parts": ["train"], "n_cases": 3, "n_subjects": 3, "cross_validated_accuracy": None}
    assert measurement_lines(_summary(tmp_path, {"diagnosis": facts})) == [
        "diagnosis by measurements (best_of): too few of 3 subjects to cross-validate"
    ]


def test_classes_are_counted_by_part_without_cases_that_have_none():
    found = {"a": "low", "b": "high", "c": "low", "d": "unclear", "e": None}
    cases = {name: Case(name, name, {}, targets={"grade": of} if of else {}) for name, of in found.items()}
    targets = {"head": TargetSource("grade", ("low", "high"), ignore=("unclear",))}
    split = Split(train=("a", "b", "d"), val=("c",), test=("e",))
    assert class_counts(cases, split=split, targets=targets)["head"] == {
        "train": {"low": 1, "high": 1},
        "val": {"low": 1, "high": 0},
        "test": {"low": 0, "high": 0},
    }


def test_each_label_of_a_case_counts():
    cases = {"a": Case("a", "a", {}, targets={"findings": "x|y"}), "b": Case("b", "b", {}, targets={"findings": ""})}
    targets = {"findings": TargetSource("findings", ("x", "y"), multi_label=True)}
    counts = class_counts(cases, split=Split(train=("a", "b"), val=(), test=()), targets=targets)
    assert counts["findings"]["train"] == {"x": 1, "y": 1}
