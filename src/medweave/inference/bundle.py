"""From a bundle to its Predictor, which runs the network with ONNX Runtime."""

from pathlib import Path

from pydantic import ValidationError

from medweave.building.components import build_component
from medweave.core.errors import DataError, RunError
from medweave.core.files import file_sha256, read_json
from medweave.core.optional import import_optional
from medweave.core.registry import load_plugins
from medweave.data.study import SegmentationSource, StudySource
from medweave.inference.backends.backend import Backend
from medweave.inference.backends.provider import Provider
from medweave.inference.bundle_description import FORMAT_VERSION, BundleDescription
from medweave.inference.gate.gate import InputGate
from medweave.inference.measuring import MeasuredAnswer, Measuring
from medweave.inference.prediction import ClassificationHeadInfo
from medweave.inference.predictor import Predictor
from medweave.measurement_classifiers.classifier import MeasurementClassifier
from medweave.measurements.measurement import MEASUREMENTS

#: What runs ONNX graphs; imported when a bundle is loaded, so that a run needs no ONNX Runtime.
ONNX_BACKEND = "medweave.inference.backends.onnx"


class BundleFolder:
    """Every path of a bundle, named once.

    Args:
        path: The folder; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.description = path / "bundle.json"
        self.parity = path / "parity.json"
        self.model_card = path / "model_card.md"
        self.golden = path / "golden"
        self.monai = path / "monai"
        self.gate = path / "input_gate.json"
        self.fitted_images = path / "fitted_images.json"

    def network(self, number: int, *, of: int) -> Path:
        """Return the file of a network of a model of some networks."""
        return self.path / ("model.onnx" if of == 1 else f"model_{number}.onnx")

    def measurement_classifier(self, head: str) -> Path:
        """Return the file of the classifier that answers a head by measurements."""
        return self.path / f"measurement_classifier_{head}.json"

    def checksums(self) -> dict[str, str]:
        """Return the SHA-256 of every file but bundle.json."""
        files = sorted(path for path in self.path.rglob("*") if path.is_file() and path != self.description)
        return {path.relative_to(self.path).as_posix(): file_sha256(path) for path in files}


def is_bundle(path: Path) -> bool:
    """Tell whether a folder is a bundle."""
    return BundleFolder(path).description.is_file()


def read_bundle(path: Path) -> BundleDescription:
    """Read the description of a bundle and check that its files are those that were exported.

    Raises:
        RunError: It is no bundle, of a newer version, or a file is changed, missing or added.
    """
    folder = BundleFolder(path)
    description = read_description(path)
    found = folder.checksums()
    problems = {
        "changed": [name for name in found if name in description.files and found[name] != description.files[name]],
        "missing": [name for name in description.files if name not in found],
        "not of the bundle": [name for name in found if name not in description.files],
    }
    if any(problems.values()):
        raise RunError(
            "the files of the bundle are not those that were exported",
            where=path,
            got="; ".join(f"{what}: {', '.join(names)}" for what, names in problems.items() if names),
            fix="copy the bundle again, and write nothing into it.",
        )
    return description


def read_description(path: Path) -> BundleDescription:
    """Read the description of a bundle, without a look at its other files.

    Raises:
        RunError: It is no bundle, or of a newer version.
    """
    file = BundleFolder(path).description
    try:
        content = read_json(file)
        version = content["format_version"]
        if version > FORMAT_VERSION:
            raise RunError(
                "the bundle is of a newer version of medweave",
                where=file,
                got=f"format {version}",
                wanted=f"at most {FORMAT_VERSION}",
                fix="pip install --upgrade medweave",
            )
        return BundleDescription.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        got = f"{'.'.join(map(str, first['loc']))}: {first['msg']}"
    except (DataError, KeyError, TypeError) as error:
        got = str(error)
    raise RunError("not the description of a bundle", where=file, got=got, fix="copy or export the bundle again.")


def load_bundle(path: Path, *, provider: Provider = "cpu") -> Predictor:
    """Load the predictor of a bundle.

    Args:
        path: Folder of the bundle.
        provider: What computes.

    Raises:
        RunError: The bundle is damaged or of a newer version.
        UsageError: A plug-in of the bundle cannot be imported.
        DependencyError: ONNX Runtime or the provider is not installed.
    """
    description = read_bundle(path)
    load_plugins(description.plugins)
    folder = BundleFolder(path)
    source = StudySource(
        description.inputs,
        {
            name: SegmentationSource(head.input_name, head.image_name, head.structures, head.merged_values)
            for name, head in description.segmentations.items()
        },
        description.targets,
    )
    return Predictor(
        source=source,
        segmentation_heads=description.segmentations,
        classification_heads=description.classifications,
        networks=_networks(description, folder, provider),
        window=description.window,
        measuring=_measuring(description, folder),
        gate=InputGate.load(folder.gate),
    )


def _networks(description: BundleDescription, folder: BundleFolder, provider: Provider) -> list[Backend]:
    make_backend = import_optional(ONNX_BACKEND).OnnxBackend
    network = description.network
    return [
        make_backend(folder.path / name, inputs=network.inputs, size_divisors=network.size_divisors, provider=provider)
        for name in network.files
    ]


def _measuring(description: BundleDescription, folder: BundleFolder) -> Measuring | None:
    if description.measurements is None:
        return None
    answers = {
        name: MeasuredAnswer(
            measured.head,
            ClassificationHeadInfo(measured.classes),
            MeasurementClassifier.load(folder.path / measured.classifier),
        )
        for name, measured in description.measured_heads.items()
    }
    return Measuring(
        build_component(description.measurements, MEASUREMENTS),
        {name: head.structures for name, head in description.segmentations.items()},
        answers,
    )
