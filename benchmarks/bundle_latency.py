"""A radiograph with a bundle: the whole command from its start, and the network against that of eager PyTorch."""

import subprocess
import sys
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory

import numpy as np
import SimpleITK as sitk
import torch
from recording import machine_facts, record, timed

from medweave.building.check import read_recipe
from medweave.building.model import build_model
from medweave.core.files import write_json
from medweave.exporting.description import describe_bundle
from medweave.exporting.network import OPSET, export_network
from medweave.inference.bundle import BundleFolder, load_bundle
from medweave.inference.bundle_description import NetworkDescription
from medweave.inference.run_model import build_predictor
from medweave.models.multitask import MultiTaskModel

RECIPE = "reference/chest_xray_multitask"
SIZE_PIXELS = (256, 256)
STARTS, PASSES = 7, 15
WITHOUT_TORCH = "import sys; sys.modules['torch'] = None; from medweave.cli.main import main; main()"


def main() -> None:
    machine = machine_facts()
    with TemporaryDirectory() as name:
        folder = Path(name)
        model = write_bundle(folder / "bundle")
        draw_radiograph(folder / "radiograph.png")
        starts = [timed(lambda number=number: predict(folder, number)) for number in range(STARTS)]
        eager, bundle = networks(model, folder / "bundle")
    record(
        "bundle_latency",
        title="One radiograph with a bundle",
        conditions=f"{SIZE_PIXELS[0]}x{SIZE_PIXELS[1]} pixels, recipe `{RECIPE}` with random weights, float32; "
        f"{STARTS} commands, each a process without PyTorch; {PASSES} passes of each network, in turns",
        machine=machine,
        rows=[
            ("from the start of `medweave predict` to its end, best", min(starts), "s"),
            ("the same, median", median(starts), "s"),
            ("network, eager PyTorch, median", 1e3 * median(eager), "ms"),
            ("network, ONNX Runtime, median", 1e3 * median(bundle), "ms"),
            ("ONNX Runtime by PyTorch, median of pairs", median(b / e for b, e in zip(bundle, eager, strict=True)), ""),
        ],
    )


def write_bundle(path: Path) -> MultiTaskModel:
    """Write a bundle with all that prediction needs, and return its network."""
    size = f"patches={{size_voxels: {{radiograph: {list(SIZE_PIXELS)}}}}}"
    recipe = read_recipe(RECIPE, [size])
    torch.manual_seed(0)
    model = build_model(recipe).eval()
    predictor = build_predictor(recipe, model)
    folder = BundleFolder(path)
    path.mkdir()
    network = folder.network(0, of=1)
    export_network(model, network, n_channels={"radiograph": 3})
    description = describe_bundle(
        predictor,
        recipe,
        folder,
        network=NetworkDescription(
            files=(network.name,),
            opset=OPSET,
            precision="float32",
            inputs=("radiograph",),
            size_divisors=dict(model.size_divisors),
        ),
        manifest={"data_hash": "", "recipe_hash": "", "versions": {}},
        cases={},
    )
    complete = description.model_copy(update={"files": folder.checksums()})
    write_json(folder.description, complete.model_dump(mode="json"))
    return model


def draw_radiograph(path: Path, *, seed: int = 0) -> None:
    values = np.random.default_rng(seed).integers(20, 235, SIZE_PIXELS).astype(np.uint8)
    sitk.WriteImage(sitk.GetImageFromArray(values), str(path))


def predict(folder: Path, number: int) -> None:
    arguments = [folder / "bundle", folder / "radiograph.png", "--output", folder / f"out_{number}", "--no-overlay"]
    command = [sys.executable, "-c", WITHOUT_TORCH, "predict", *map(str, arguments)]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def networks(model: MultiTaskModel, path: Path) -> tuple[list[float], list[float]]:
    """Return the seconds of each pass of the two networks, which take turns."""
    backend = load_bundle(path).networks[0]
    image = np.random.default_rng(0).random((1, 3, *SIZE_PIXELS), np.float32)
    tensor, flags, present = torch.from_numpy(image), torch.ones(1, dtype=torch.bool), np.ones(1, bool)
    eager, bundle = [], []
    with torch.inference_mode():
        for _ in range(PASSES + 2):
            eager.append(timed(lambda: model({"radiograph": tensor}, {"radiograph": flags})))
            bundle.append(timed(lambda: backend({"radiograph": image}, {"radiograph": present})))
    return eager[2:], bundle[2:]


if __name__ == "__main__":
    main()
