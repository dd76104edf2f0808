"""Makes the tour of the README anew: `python docs/tour.py`, some minutes on two cores.

Runs every command of the tour in a new folder, and puts what it printed and the pictures that it made in their place.
Of long outputs only the parts that `KEPT` names stay.
"""

import os
import re
import shlex
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

from medweave.core.files import write_text
from medweave.workflows.demo import CASES

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
IMAGES = ROOT / "docs" / "images"
BLOCK = re.compile(r"(```console\n\$ (medweave [^\n]*)\n).*?(```)", re.DOTALL)
#: First and last line of each part of a command's output that is shown; None is the last line of all.
KEPT: dict[str, list[tuple[str, str | None]]] = {
    "inspect": [("data ", "label maps:"), ("structures", " es +lv "), ("classes", "diagnosis +RV"), ("audit:", None)],
    "evaluate": [
        ("test: .* cases", "└"),
        ("test: .* cases", "volume error"),
        ("measurements: predicted", "LV ejection fraction"),
        ("report:", None),
    ],
}
PICTURES = {
    "overlay": "prediction/*_heart_ed_overlay.png",
    "training_curves": "demo/run/figures/training_curves.png",
    "worst_case": "demo/run/evaluation/test/figures/heart_es_worst_*.png",
    "measurements": "demo/run/evaluation/test/figures/measurement_agreement.png",
    "attention": "prediction/*_attention_*.png",
}
PICTURE_WIDTH = 1200


def main() -> None:
    """Run the tour and rewrite the README and its pictures."""
    with tempfile.TemporaryDirectory() as folder:
        run(f"medweave phantom cardiac --cases {CASES} --output out/demo/data", Path(folder))
        page = README.read_text(encoding="utf-8")
        write_text(README, BLOCK.sub(lambda match: match[1] + shown(match[2], Path(folder)) + match[3], page))
        for name, pattern in PICTURES.items():
            copy_picture(next(iter(sorted((Path(folder) / "out").glob(pattern)))), IMAGES / f"{name}.png")


def shown(command: str, folder: Path) -> str:
    """Return the parts of a command's output that the tour shows."""
    lines = run(command, folder).splitlines()
    parts = KEPT.get(command.split()[1])
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
    main()
