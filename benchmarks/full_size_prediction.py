"""From the file of a full-size volume to the written label map, by part, in a fresh process.

The volume is synthetic, the network that of the recipe `heart` with random weights: the label map is not an answer, but
every part does the work that it does in `medweave predict`.
"""

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import SimpleITK as sitk
import torch
from recording import machine_facts, peak_memory_mb, record

from medweave.building.check import complete_recipe
from medweave.building.model import build_model
from medweave.building.training import build_loss
from medweave.data.case import Case
from medweave.inference.backends.torch import to_channels_last
from medweave.inference.run_model import build_predictor
from medweave.inference.writers.writer import WRITERS
from medweave.preprocessing.readers.medical import read_channels
from medweave.recipes.loader import load_recipe
from medweave.training.precision import fastest_precision

RECIPE = "heart"
SIZE_VOXELS = (320, 320, 130)
SPACING_MM = (1.25, 1.25, 1.37)


def main() -> None:
    if len(sys.argv) > 1:
        print(json.dumps(predict(Path(sys.argv[1]), precision=sys.argv[2])))
        return
    machine = machine_facts()
    recipe = complete_recipe(load_recipe(RECIPE), RECIPE)
    model = build_model(recipe)
    shape = (1, 1, *recipe.patches.size_voxels)
    precision = fastest_precision(
        model, build_loss(recipe, model), image_shapes={"mri": shape}, device=torch.device("cpu")
    )
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "volume.nii.gz"
        draw_volume(file)
        command = [sys.executable, __file__, str(file), precision]
        parts = json.loads(subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    peak, before = parts.pop("peak"), parts.pop("before")
    megabytes = np.prod(SIZE_VOXELS) * 4 / 2**20
    record(
        "full_size_prediction",
        title="Prediction of a full-size volume, from file to file",
        conditions=f"{'x'.join(map(str, SIZE_VOXELS))} voxels of {' x '.join(map(str, SPACING_MM))} mm, int16, "
        f"gzipped; recipe `{RECIPE}` with random weights, {precision}; one case in a fresh process",
        machine=machine,
        rows=[
            *((part, seconds, "s") for part, seconds in parts.items()),
            ("all of it", sum(parts.values()), "s"),
            ("peak memory", peak, "MB"),
            ("memory before the case (Python, PyTorch, network)", before, "MB"),
            ("memory of the case, in float32 volumes of its size", (peak - before) / megabytes, "volumes"),
        ],
    )


def predict(file: Path, *, precision: str) -> dict[str, float]:
    """Return the seconds of each part, and the memory in MB."""
    recipe = complete_recipe(load_recipe(RECIPE, [f"training.precision={precision}"]), RECIPE)
    torch.manual_seed(0)
    predictor = build_predictor(recipe, to_channels_last(build_model(recipe).eval(), 3))
    case = Case("volume", "volume", images={"image": file})
    head, info = next(iter(predictor.segmentation_heads.items()))
    before, clock = peak_memory_mb(), [time.perf_counter()]
    channels = read_channels(file, spatial_dims=3)
    clock.append(time.perf_counter())
    inputs = {"mri": predictor.source.inputs["mri"].preprocessor(channels)}
    del channels
    clock.append(time.perf_counter())
    logits = predictor.logits(inputs)
    clock.append(time.perf_counter())
    prediction = predictor.finish(case.case_id, logits, inputs)
    clock.append(time.perf_counter())
    WRITERS.get("nifti")().write(prediction, head, case=case, info=info, folder=file.parent)
    clock.append(time.perf_counter())
    parts = ("read", "preprocess", "network", "restore", "write")
    return dict(zip(parts, np.diff(clock).tolist(), strict=True)) | {"before": before, "peak": peak_memory_mb()}


def draw_volume(file: Path) -> None:
    """Write a noisy ball."""
    x, y, z = np.ogrid[tuple(slice(-1, 1, count * 1j) for count in SIZE_VOXELS)]
    noise = np.random.default_rng(0).normal(scale=40, size=SIZE_VOXELS)
    image = sitk.GetImageFromArray((200 + 600 * (x**2 + y**2 + z**2 < 0.3) + noise).astype(np.int16).T)
    image.SetSpacing(SPACING_MM)
    sitk.WriteImage(image, str(file), useCompression=True)


if __name__ == "__main__":
    main()
