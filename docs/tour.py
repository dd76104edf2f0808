"""Makes the console outputs and pictures of the README and the tutorials anew: `python docs/tour.py [PAGE...]`.

Runs every command of a page in a new folder, and puts what it printed and the pictures that it made in their place.
Of long outputs only the parts that a tour keeps stay. Each page takes some minutes on two free cores.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from PIL import Image

from medweave.core.files import write_text
from medweave.workflows.demo import CASES

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"
#: A command, which may go on in further lines after a backslash, and its output.
BLOCK = re.compile(r"(```console\n\$ (medweave (?:[^\n]*\\\n)*[^\n]*)\n).*?(```)", re.DOTALL)
PICTURE_WIDTH = 1200

#: First and last line of each part of an output that is shown; None is the last line of all.
Parts = Sequence[tuple[str, str | None]]


@dataclass(frozen=True)
class Tour:
    """A page whose commands are run.

    Attributes:
        pictures: Files that the commands leave, as patterns, by the name of the picture in docs/images/.
        kept: What is shown of a command's output, by the command's first words; all of it where none fits.
        before: A command that is run first and not shown.
    """

    pictures: Mapping[str, str]
    kept: Mapping[str, Parts] = field(default_factory=dict)
    before: str | None = None


TOURS = {
    "README.md": Tour(
        before=f"medweave phantom cardiac --cases {CASES} --output out/demo/data",
        kept={
            "inspect": [
                ("data ", "label maps:"),
                ("structures", " es +lv "),
                ("classes", "diagnosis +RV"),
                ("audit:", None),
            ],
            "evaluate": [
                ("test: .* cases", "└"),
                ("test: .* cases", "volume error"),
                ("measurements: predicted", "LV ejection fraction"),
                ("report:", None),
            ],
        },
        pictures={
            "overlay": "out/prediction/*_heart_ed_overlay.png",
            "training_curves": "out/demo/run/figures/training_curves.png",
            "worst_case": "out/demo/run/evaluation/test/figures/heart_es_worst_*.png",
            "measurements": "out/demo/run/evaluation/test/figures/measurement_agreement.png",
            "attention": "out/prediction/*_attention_*.png",
        },
    ),
    "docs/tutorials/cardiac-multitask.md": Tour(
        kept={"inspect": [("layout ", "label maps:"), ("classes", "diagnosis +RV"), ("^audit", None)]},
        pictures={
            "s0_curves": "runs/s0/figures/training_curves.png",
            "s0_overlay": "out/s0/*_heart_overlay.png",
        },
    ),
    "docs/tutorials/chest-xray.md": Tour(
        kept={"inspect": [("layout ", "label maps:"), ("classes", "class +Viral"), ("^audit", None)]},
        pictures={
            "s1_curves": "runs/s1/figures/training_curves.png",
            "s1_confusion": "runs/s1/evaluation/test/figures/classification_confusion_matrix.png",
            "s1_mosaic": "runs/s1/evaluation/test/figures/segmentation_sample_overlays.png",
            "s1_prediction": "out/s1/*_segmentation_overlay.png",
        },
    ),
    "docs/tutorials/vessel-multimodal.md": Tour(
        kept={"inspect": [("layout ", r"\d$"), ("classes", "plaque +1"), ("^audit", None)]},
        pictures={
            "s2_vessel_wall": "out/inspection/figures/planes_case_0*_vw_mri.png",
            "s2_ct": "out/inspection/figures/planes_case_0*_ct.png",
            "s2_roc": "runs/s2/evaluation/test/figures/plaque_roc_curves.png",
        },
    ),
    "docs/tutorials/heart-unet3d.md": Tour(
        kept={"inspect": [("layout ", "label maps:"), ("structures", "left_atrium"), ("^audit", None)]},
        pictures={
            "s3_inspection": "out/inspection/figures/planes_*_image.png",
            "s3_volumes": "out/inspection/figures/volumes.png",
            "s3_worst": "runs/s3/evaluation/test/figures/heart_worst_*.png",
        },
    ),
    "docs/tutorials/heart-monai.md": Tour(
        pictures={
            "s4_curves": "runs/s4/figures/training_curves.png",
            "s4_worst": "runs/s4/evaluation/test/figures/heart_worst_*.png",
        },
    ),
}


def main(pages: Sequence[str]) -> None:
    """Run the tours of these pages, or of all, and rewrite the pages and their pictures."""
    for page in pages or TOURS:
        tour = TOURS[page]
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            if tour.before:
                run(tour.before, folder)
            text = (ROOT / page).read_text(encoding="utf-8")
            text = BLOCK.sub(lambda match: match[1] + shown(match[2], tour, folder) + match[3], text)  # noqa: B023
            write_text(ROOT / page, text)
            for picture, pattern in tour.pictures.items():
                copy_picture(next(iter(sorted(folder.glob(pattern)))), IMAGES / f"{picture}.png")


def shown(command: str, tour: Tour, folder: Path) -> str:
    """Return the parts of a command's output that a tour shows."""
    command = re.sub(r"\\\n\s*", "", command)
    lines = run(command, folder).splitlines()
    words = command.removeprefix("medweave ")
    parts = next((parts for start, parts in tour.kept.items() if words.startswith(start)), None)
    if parts is None:
        return "\n".join(lines) + "\n"
    text, position = "", 0
    for first, last in parts:
        start = next(i for i in range(position, len(lines)) if re.search(first, lines[i]))
        end = len(lines) if last is None else next(i for i in range(start, len(lines)) if re.search(last, lines[i])) + 1
        if any(lines[position:start]):
            text += "…\n"
        elif position < start:
            text += "\n"
        text += "\n".join(lines[start:end]) + "\n"
        position = end
    return text


def run(command: str, folder: Path) -> str:
    """Return what a command prints in a folder, be it a result or an error."""
    print(f"$ {command}", flush=True)  # noqa: T201 -- a script
    environment = {**os.environ, "COLUMNS": "100", "TERM": "dumb", "PYTHONWARNINGS": "ignore"}
    program = [sys.executable, "-m", *shlex.split(command)]
    done = subprocess.run(program, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode > 1 and "check" not in command:
        raise SystemExit(f"{command}: exit code {done.returncode}\n{done.stdout}{done.stderr}")
    lines = (done.stdout or done.stderr).strip("\n").replace(f"{folder}{os.sep}", "").splitlines()
    return "\n".join(line.rstrip() for line in lines)


def copy_picture(source: Path, target: Path) -> None:
    """Copy a picture, reduced to the width that a page shows."""
    with Image.open(source) as picture:
        if picture.width > PICTURE_WIDTH:
            picture.thumbnail((PICTURE_WIDTH, picture.height))
        picture.quantize(128).save(target, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
