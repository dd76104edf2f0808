"""A training step as plain PyTorch and MONAI do it, and as medweave does it.

Both have one network, one batch and one optimizer. Plain: MONAI's and PyTorch's layers and losses, float32, contiguous
memory. medweave: its model and loss, channels-last memory, the precision that it measures to be fastest, and, as in
`medweave train`, freed memory that is kept. Each has a process of its own, because that last setting is a process's,
and the two take turns, so that whatever else the machine does falls on both.
"""

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median

import torch
from monai.losses import DiceCELoss, DiceLoss
from monai.networks.nets import UNet
from recording import machine_facts, peak_memory_mb, print_rows, record
from torch import Tensor, nn
from torch.nn import functional

from medweave.building.check import read_recipe
from medweave.building.model import build_model
from medweave.building.training import build_loss, build_optimizer
from medweave.core.allocation import keep_freed_memory
from medweave.data.dataset import Batch
from medweave.inference.backends.torch import AUTOCAST_TYPES, avoid_faulty_amx_kernels, channels_last, to_channels_last
from medweave.recipes.schema import Recipe
from medweave.training.precision import fastest_precision

Step = Callable[[], None]
Row = tuple[str, float, str]
Answer = dict[str, float | str]
#: Steps of each way that do not count: memory and kernels settle.
WARM_UP = 2


class PlainHeart(nn.Module):
    """S4's network and loss."""

    def __init__(self) -> None:
        super().__init__()
        self.network = UNet(
            3, 1, 2, channels=(16, 32, 64, 128, 256), strides=(2,) * 4, num_res_units=2, norm="batch", dropout=0.2
        )
        self.loss = DiceCELoss(include_background=False, to_onehot_y=True, softmax=True, squared_pred=True)

    def forward(self, image: Tensor, truths: Mapping[str, Tensor]) -> Tensor:
        loss: Tensor = self.loss(self.network(image), truths["heart"][:, None])
        return loss


class PlainChestXray(nn.Module):
    """S1's network and loss, on logits."""

    def __init__(self) -> None:
        super().__init__()
        self.network = UNet(
            2, 3, 64, channels=(32, 64, 128, 256, 512), strides=(2,) * 4, num_res_units=2, norm="batch", dropout=0.1
        )
        self.lungs = nn.Sequential(nn.Conv2d(64, 32, 3, padding=1), nn.BatchNorm2d(32), nn.ReLU(), nn.Conv2d(32, 1, 1))
        self.classes = nn.Sequential(
            nn.AdaptiveAvgPool2d(1),
            nn.Flatten(),
            *(nn.Dropout(0.5), nn.Linear(64, 256), nn.ReLU(), nn.BatchNorm1d(256)),
            *(nn.Dropout(0.3), nn.Linear(256, 128), nn.ReLU(), nn.BatchNorm1d(128)),
            *(nn.Dropout(0.2), nn.Linear(128, 4)),
        )
        self.dice = DiceLoss(sigmoid=True, squared_pred=True)

    def forward(self, image: Tensor, truths: Mapping[str, Tensor]) -> Tensor:
        features = self.network(image)
        logits, mask = self.lungs(features), truths["segmentation"][:, None].float()
        segmentation = self.dice(logits, mask) + functional.binary_cross_entropy_with_logits(logits, mask)
        return segmentation + 2 * functional.cross_entropy(self.classes(features), truths["classification"])


@dataclass(frozen=True)
class Workload:
    """A recipe, the shape of its batch, and its network and loss without medweave."""

    recipe: str
    shape: tuple[int, ...]
    plain: type[nn.Module]


WORKLOADS = (
    Workload("reference/heart_monai", (2, 1, 96, 96, 96), PlainHeart),
    Workload("reference/chest_xray_multitask", (16, 3, 256, 256), PlainChestXray),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=5, help="steps that count, of each way")
    parser.add_argument("--recipe", choices=[workload.recipe for workload in WORKLOADS], help="only this one")
    parser.add_argument("--batch-size", type=int, help="instead of the workloads' own")
    parser.add_argument("--size", type=int, help="voxels along every axis, instead of the workloads' own")
    parser.add_argument("--way", help="make a step for each line of standard input, and print what it took")
    options = parser.parse_args()
    avoid_faulty_amx_kernels()
    workloads = [
        Workload(known.recipe, _shape(known, options.batch_size, options.size), known.plain)
        for known in WORKLOADS
        if options.recipe in (None, known.recipe)
    ]
    if options.way:
        _answer(options.way, workloads[0])
        return
    machine = machine_facts()
    rows = [row for workload in workloads for row in _measure(workload, options.rounds)]
    if workloads != list(WORKLOADS):
        print_rows("Training step, not of the shapes that are recorded", rows)
        return
    record(
        "training_step",
        title="Training step",
        conditions=f"forward, loss, backward, clipping and optimizer; medians of {options.rounds} steps, the two ways "
        "taking turns, each in a process of its own; plain: MONAI's layers, float32, contiguous, eager; medweave: "
        "channels-last, the precision that `precision: auto` chose, freed memory kept",
        machine=machine,
        rows=rows,
    )


def _shape(workload: Workload, batch_size: int | None, size: int | None) -> tuple[int, ...]:
    count, channels, *space = workload.shape
    return (batch_size or count, channels, *(size or have for have in space))


def _measure(workload: Workload, rounds: int) -> list[Row]:
    """Return the seconds of both ways, how many times as fast medweave is, and the peak memory of both."""
    plain, medweave = _in_turns(workload, rounds)
    (precision,) = {answer["precision"] for answer in medweave}
    seconds = [[float(answer["seconds"]) for answer in answers[WARM_UP:]] for answers in (plain, medweave)]
    name = f"{workload.recipe.removeprefix('reference/')} {'x'.join(map(str, workload.shape))}"
    return [
        (f"{name}: plain", median(seconds[0]), "s"),
        (f"{name}: medweave ({precision})", median(seconds[1]), "s"),
        (f"{name}: plain / medweave", median(a / b for a, b in zip(*seconds, strict=True)), "times"),
        (f"{name}: peak memory, plain", float(plain[-1]["peak_mb"]), "MB"),
        (f"{name}: peak memory, medweave", float(medweave[-1]["peak_mb"]), "MB"),
    ]


def _in_turns(workload: Workload, rounds: int) -> tuple[list[Answer], list[Answer]]:
    """Return what each step of both ways answered."""
    count, _, *space = workload.shape
    command = [sys.executable, __file__, "--recipe", workload.recipe]
    command += ["--batch-size", str(count), "--size", str(space[0])]
    ways = [
        subprocess.Popen([*command, "--way", way], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for way in ("plain", "medweave")
    ]
    answers: tuple[list[Answer], list[Answer]] = ([], [])
    for _ in range(rounds + WARM_UP):
        for process, said in zip(ways, answers, strict=True):
            print("step", file=process.stdin, flush=True)
            said.append(json.loads(process.stdout.readline()))
    for process in ways:
        process.communicate()
    return answers


def _answer(way: str, workload: Workload) -> None:
    """Make a step for each line of standard input."""
    if way == "plain":
        precision, step = "float32", _plain(workload)
    else:
        keep_freed_memory()
        precision = _fastest_precision(workload)
        step = _medweave(workload, precision)
    for _ in sys.stdin:
        start = time.perf_counter()
        step()
        seconds = time.perf_counter() - start
        print(json.dumps({"seconds": seconds, "precision": precision, "peak_mb": peak_memory_mb()}), flush=True)


def _plain(workload: Workload) -> Step:
    """Return a step as a script of plain PyTorch and MONAI has it."""
    recipe = _recipe(workload)
    network = workload.plain()
    optimizer = build_optimizer(recipe, list(network.parameters()))
    batch = _batch(recipe, workload.shape)
    (image,) = batch["images"].values()
    truths = {**batch["label_maps"], **batch["targets"]}

    def step() -> None:
        optimizer.zero_grad()
        network(image, truths).backward()
        _clip(recipe, network)
        optimizer.step()

    return step


def _medweave(workload: Workload, precision: str) -> Step:
    """Return a step as medweave's trainer makes it."""
    recipe = _recipe(workload)
    model = to_channels_last(build_model(recipe))
    plain_count = _parameters(workload.plain())
    if _parameters(model) != plain_count:
        raise ValueError(f"{workload.recipe} has {_parameters(model)} parameters, its plain network {plain_count}")
    optimizer = build_optimizer(recipe, list(model.parameters()))
    loss = build_loss(recipe, model)
    batch = _batch(recipe, workload.shape)
    images = {name: channels_last(image) for name, image in batch["images"].items()}
    truths = {**batch["label_maps"], **batch["targets"]}
    dtype = AUTOCAST_TYPES.get(precision)

    def step() -> None:
        optimizer.zero_grad()
        with torch.autocast("cpu", dtype=dtype, enabled=dtype is not None):
            logits = model(images, batch["present"])
        loss.total(loss(logits, truths, batch["present"])).backward()
        _clip(recipe, model)
        optimizer.step()

    return step


def _fastest_precision(workload: Workload) -> str:
    recipe = _recipe(workload)
    model = build_model(recipe)
    batch = _batch(recipe, workload.shape)
    return fastest_precision(model, build_loss(recipe, model), batch=batch, device=torch.device("cpu"))


def _recipe(workload: Workload) -> Recipe:
    return read_recipe(workload.recipe)


def _parameters(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def _clip(recipe: Recipe, network: nn.Module) -> None:
    if recipe.training.gradient_clip_norm is not None:
        nn.utils.clip_grad_norm_(network.parameters(), recipe.training.gradient_clip_norm)


def _batch(recipe: Recipe, shape: tuple[int, ...]) -> Batch:
    """Return random images, a ball as their label maps, and all classes in turn."""
    count, _, *space = shape
    axes = torch.meshgrid(*(torch.linspace(-1, 1, size) for size in space), indexing="ij")
    ball = (sum(axis**2 for axis in axes) < 0.1).long().expand(count, *space).contiguous()
    heads = recipe.data.classification_heads
    return Batch(
        images=dict.fromkeys(recipe.data.inputs, torch.randn(shape, generator=torch.Generator().manual_seed(0))),
        label_maps=dict.fromkeys(recipe.data.segmentation_heads, ball),
        targets={name: torch.arange(count) % len(head.classes) for name, head in heads.items()},
        present=dict.fromkeys((*recipe.data.inputs, *recipe.data.heads), torch.ones(count, dtype=torch.bool)),
        case_ids=[str(number) for number in range(count)],
    )


if __name__ == "__main__":
    main()
