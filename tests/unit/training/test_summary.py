from medweave.data.split import Split
from medweave.recipes.loader import load_recipe
from medweave.runs.folder import RunFolder
from medweave.training.summary import summarise_training, summary_markdown
from medweave.training.trainer import Outcome

HISTORY = [
    {"epoch": 0.0, "lr": 0.1, "train/loss": 0.9, "val/score": 0.5},
    {"epoch": 1.0, "lr": 0.1, "train/loss": 0.6, "val/score": 0.75},
    {"epoch": 2.0, "lr": 0.1, "train/loss": 0.5},
]


def _summary(tmp_path):
    return summarise_training(
        Outcome(epochs=3, best_epoch=1, best_value=0.75, history=HISTORY),
        recipe=load_recipe("demo"),
        split=Split(train=("a", "b"), val=("c",), test=("d",)),
        folder=RunFolder(tmp_path),
        parameters=1234567,
        seconds=90.04,
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
    assert summary["seconds"] == 90.0


def test_the_files_are_relative_to_the_run(tmp_path):
    files = _summary(tmp_path)["files"]
    assert files["best_checkpoint"] == "checkpoints/best.ckpt"
    assert files["curves"] == "figures/training_curves.png"


def test_the_markdown_says_it_in_a_sentence_and_a_table(tmp_path):
    text = summary_markdown(_summary(tmp_path))
    assert text.startswith("# demo\n\n**Best val/score: 0.7500** in epoch 2 of 3,\nafter 1.5 minutes in all.")
    assert "1,234,567 parameters" in text
    assert "| train/loss | 0.6000 |" in text
    assert "![Training curves](figures/training_curves.png)" in text
