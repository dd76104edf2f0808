import json
import re
import resource
import subprocess
import sys
from importlib import import_module

import pytest

from medweave.cli.recipes import LEGEND
from medweave.recipes.loader import json_schema, library_file, library_names

#: Of a process, without what other processes take from it; a terminal feels quick up to half a second.
MAX_SECONDS = {"--help": 0.5, "recipes list": 0.7}


def run_and_list_heavy_modules(command: str) -> subprocess.CompletedProcess[str]:
    program = (
        "import sys; from medweave.cli.main import main; sys.argv = ['medweave', *sys.argv[1:]]\n"
        "try:\n    main()\n"
        "finally:\n    print(sorted({'torch', 'monai', 'pytorch_lightning'} & set(sys.modules)), file=sys.stderr)"
    )
    return subprocess.run(
        [sys.executable, "-c", program, *command.split()], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("command", ["--help", "--version", "recipes list", "recipes show heart", "recipes schema"])
def test_looking_around_imports_no_torch(command: str) -> None:
    finished = run_and_list_heavy_modules(command)
    assert finished.returncode == 0
    assert finished.stdout
    assert finished.stderr == "[]\n"


@pytest.mark.parametrize("command", list(MAX_SECONDS))
def test_looking_around_is_quick(command: str) -> None:
    seconds = []
    for _ in range(3):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, "-m", "medweave", *command.split()], capture_output=True, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        seconds.append(after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime)
    assert min(seconds) < MAX_SECONDS[command]


def test_list_names_every_recipe_with_its_purpose(medweave) -> None:
    *lines, empty, legend = medweave("recipes", "list").stdout.splitlines()
    assert (empty, legend) == ("", LEGEND)
    assert max(len(line) for line in lines) <= 110
    assert [line.split()[0] for line in lines] == library_names()
    purposes = [library_file(name).read_text(encoding="utf-8").splitlines()[0][2:] for name in library_names()]
    starts = {line.index(purpose) for line, purpose in zip(lines, purposes, strict=True)}
    assert starts == {max(map(len, library_names())) + 2}


def test_show_prints_the_file(medweave) -> None:
    expected = library_file("reference/heart_monai").read_text(encoding="utf-8")
    assert medweave("recipes", "show", "reference/heart_monai").stdout == expected


def test_show_model_counts_the_parameters(medweave) -> None:
    lines = medweave("recipes", "show", "reference/heart_monai", "--model").stdout.splitlines()
    assert lines[-1] == "4,808,917 trainable parameters; input 1x1x64x64x64"


def test_copy_says_what_is_next_and_never_overwrites(medweave, tmp_path) -> None:
    copy = tmp_path / "mine.yaml"
    finished = medweave("recipes", "copy", "heart", copy)
    assert finished.stdout == f"{copy}\nnext: medweave check {copy}\n"
    assert "A copy of the library's recipe heart" in copy.read_text(encoding="utf-8")
    again = medweave("recipes", "copy", "heart_small", copy)
    assert again.code == 2
    assert "the file exists already" in again.stderr


def test_schema_is_json(medweave) -> None:
    assert json.loads(medweave("recipes", "schema").stdout) == json_schema()


def test_components_show_their_defaults(medweave) -> None:
    text = medweave("recipes", "components").stdout
    assert "\n  adam                 Adam (Kingma & Ba, ICLR 2015), optionally with AMSGrad" in text
    assert f"\n      {'lr: 0.0001':34} Learning rate before the schedule.\n" in text
    assert f"\n      {'batch: false':34} Sum over the batch before dividing" in text
    assert f"\n      {'empty: []':34} What stands in cells" in text


def test_components_of_plug_ins_say_where_they_come_from(medweave, example_plugin) -> None:
    with example_plugin():
        import_module("medweave_example.separable")
        text = medweave("recipes", "components").stdout
    assert re.search(
        r"^  separable            Depthwise .* between the levels\. \(plug-in medweave_example\.separable\)$",
        text,
        re.M,
    )
    assert text.count("(plug-in ") == 1
