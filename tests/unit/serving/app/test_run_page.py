import json
import shutil

from medweave.runs.ensemble import Ensemble
from medweave.serving.app.run_page import show_runs


def test_a_run_is_shown_with_its_evaluation(open_page, browsed_run, texts):
    app = open_page(show_runs, [browsed_run])
    assert not app.exception
    assert [(found.label, found.value) for found in app.metric] == [
        ("Recipe", "heart"),
        ("Best epoch", "4 of 4"),
        ("val/score", "0.7500"),
        ("Training", "1.5 min"),
        ("accuracy", "0.800 (0.700 to 0.900)"),
        ("roc auc", "undefined"),
    ]
    assert app.table[0].value.loc["lv"].tolist() == ["0.800 (0.700 to 0.900)", "0.400", 1]
    worst, wrong = (table.value for table in app.dataframe)
    assert worst["case_id"].tolist() == ["c2", "c1", "c0"]
    assert wrong["case_id"].tolist() == ["b"]
    assert "8 cases of 7 subjects." in texts(app)


def test_the_report_is_shown_as_data_that_cannot_reach_the_app(open_page, browsed_run):
    app = open_page(show_runs, [browsed_run])
    assert app.get("iframe") == []
    app.toggle[0].set_value(True).run()
    assert app.get("iframe")[0].proto.src.startswith("data:text/html;base64,")


def test_curves_can_be_chosen(open_page, browsed_run):
    app = open_page(show_runs, [browsed_run])
    losses, scores = app.multiselect
    assert (losses.options, losses.value) == (["train/loss", "val/loss"], ["train/loss", "val/loss"])
    assert scores.value == ["val/score"]
    losses.set_value([]).run()
    assert not app.exception


def test_a_run_without_an_evaluation_or_curves_says_so(open_page, browsed_run, tmp_path, texts):
    run = shutil.copytree(browsed_run, tmp_path / "run")
    shutil.rmtree(run / "evaluation")
    (run / "metrics.csv").unlink()
    shown = texts(open_page(show_runs, [run]))
    assert "no curves yet" in shown
    assert "`medweave evaluate` does so" in shown
    assert "--run RUN" in texts(open_page(show_runs, []))


def test_the_curves_of_an_ensemble_are_those_of_a_fold(open_page, browsed_run, tmp_path):
    run = shutil.copytree(browsed_run, tmp_path / "run")
    for name in ("fold_1", "fold_2"):
        shutil.copytree(browsed_run, run / name)
    (run / "metrics.csv").unlink()
    Ensemble({"fold_1": ("c0",), "fold_2": ("c1",)}).save(run / "ensemble.json")
    app = open_page(show_runs, [run])
    assert [box.label for box in app.selectbox] == ["Run", "Fold"]
    assert app.metric[0].value == "heart"


def test_a_damaged_table_is_named(open_page, browsed_run, tmp_path):
    run = shutil.copytree(browsed_run, tmp_path / "run")
    (run / "metrics.csv").write_text("")
    app = open_page(show_runs, [run])
    assert "a table of the run cannot be read" in app.exception[0].message


def test_a_head_of_several_labels_has_a_matrix_and_its_labels_no_order(open_page, browsed_run, tmp_path):
    run = shutil.copytree(browsed_run, tmp_path / "run")
    folder = run / "evaluation/test"
    summary = json.loads((folder / "summary.json").read_text())
    summary["heads"]["side"] |= {"multi_label": True, "confusion_matrix": [[[3, 1], [0, 4]], [[3, 1], [0, 4]]]}
    (folder / "summary.json").write_text(json.dumps(summary))
    table = folder / "classification_side.csv"
    table.write_text(f"{table.read_text()}d,d,right|left,left|right,0.9,0.9\n")
    app = open_page(show_runs, [run])
    assert not app.exception
    assert app.dataframe[1].value["case_id"].tolist() == ["b"]
