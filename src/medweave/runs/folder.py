"""Every path of a run, named once."""

from pathlib import Path

from medweave.core.errors import RunError


class RunFolder:
    """The folder of a run.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.manifest = path / "manifest.json"
        self.checksums = path / "sha256.json"
        self.ensemble = path / "ensemble.json"
        self.index = path / "index.json"
        self.audit = path / "audit.json"
        self.split = path / "split.json"
        self.fitted_images = path / "fitted_images.json"
        self.fingerprint = path / "fingerprint.json"
        self.log = path / "log.txt"
        self.metrics = path / "metrics.csv"
        self.tensorboard = path / "tensorboard"
        self.checkpoints = path / "checkpoints"
        self.last_checkpoint = self.checkpoints / "last.ckpt"
        self.best_checkpoint = self.checkpoints / "best.ckpt"
        self.weights = path / "model.safetensors"
        self.training_summary = path / "training_summary.json"
        self.training_summary_markdown = path / "training_summary.md"
        self.calibration = path / "calibration.json"
        self.input_gate = path / "input_gate.json"
        self.measurements = path / "measurements.csv"
        self.figures = path / "figures"
        self.training_curves = self.figures / "training_curves.png"
        self.class_distribution = self.figures / "class_distribution.png"

    def measurement_classifier(self, head: str) -> Path:
        """Return the file of the classifier that answers a head by measurements."""
        return self.path / f"measurement_classifier_{head}.json"

    def evaluation(self, part: str) -> Path:
        """Return the folder of the evaluation of a part of the split ("val", "test", "folds", "external")."""
        return self.path / "evaluation" / part

    def member(self, name: str) -> "RunFolder":
        """Return a run of an ensemble."""
        return RunFolder(self.path / name)

    @property
    def is_ensemble(self) -> bool:
        """Whether the folder holds several runs that answer together."""
        return self.ensemble.is_file()

    @classmethod
    def open(cls, path: Path) -> "RunFolder":
        """Return the run in an existing folder.

        Raises:
            RunError: The folder is absent or holds no run.
        """
        run = cls(path)
        if not run.recipe.is_file():
            raise RunError(
                "no run here" if path.is_dir() else "run folder not found",
                where=path,
                got="no recipe.yaml" if path.is_dir() else None,
                fix="give the folder that `medweave train --output` wrote.",
            )
        return run
