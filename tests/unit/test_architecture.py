import ast
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src" / "medweave"
MODULES = sorted(SOURCE.rglob("*.py"))
#: Modules without code of their own, or that only a process of its own can run.
WITHOUT_TEST = {"__init__.py", "__main__.py"}
MAX_FILE_LINES = 400
MAX_FUNCTION_LINES = 60


def _name(path: Path) -> str:
    return path.relative_to(SOURCE).as_posix()


def test_there_are_modules_to_look_at() -> None:
    assert len(MODULES) > 30


def test_every_module_has_its_mirrored_test() -> None:
    tested = {path.relative_to(ROOT / "tests" / "unit") for path in (ROOT / "tests" / "unit").rglob("test_*.py")}
    modules = [path.relative_to(SOURCE) for path in MODULES if path.name not in WITHOUT_TEST]
    assert [path.as_posix() for path in modules if path.with_name(f"test_{path.name}") not in tested] == []


def test_every_mirrored_test_has_its_module() -> None:
    tests = [path.relative_to(ROOT / "tests" / "unit") for path in (ROOT / "tests" / "unit").rglob("test_*.py")]
    mirrored = [path for path in tests if path.name != Path(__file__).name]
    present = {path.relative_to(SOURCE) for path in MODULES}
    orphans = [path for path in mirrored if path.with_name(path.name.removeprefix("test_")) not in present]
    assert [path.as_posix() for path in orphans] == []


def test_files_are_short() -> None:
    lengths = {_name(path): len(path.read_text(encoding="utf-8").splitlines()) for path in MODULES}
    assert {name: length for name, length in lengths.items() if length > MAX_FILE_LINES} == {}


def test_functions_are_short() -> None:
    functions = [
        (f"{_name(path)}: {node.name}", (node.end_lineno or 0) - node.lineno + 1)
        for path in MODULES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert [function for function in functions if function[1] > MAX_FUNCTION_LINES] == []


def test_no_module_is_a_drawer_for_anything() -> None:
    refused = {"utils", "helpers", "common", "manager", "misc"}
    assert [_name(path) for path in MODULES if refused & {*path.parts, path.stem}] == []


def test_command_line_starts_without_torch() -> None:
    program = (
        "import sys, medweave.cli.main; print(*sorted({'torch', 'monai', 'pytorch_lightning'} & set(sys.modules)))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(ROOT / "src"), "PATH": ""},
    )
    assert result.stdout.split() == []


def test_prediction_imports_neither_torch_nor_what_stands_on_it() -> None:
    program = """
import sys
for package in ("torch", "monai", "pytorch_lightning", "torchmetrics", "safetensors", "sklearn", "pandas", "imagehash"):
    sys.modules[package] = None
import medweave.cli.predict
from medweave.data.layouts.layout import LAYOUTS
from medweave.inference.writers.writer import WRITERS
from medweave.measurements.measurement import MEASUREMENTS
LAYOUTS.names(), WRITERS.names(), MEASUREMENTS.names()
"""
    environment = {"PYTHONPATH": str(ROOT / "src"), "PATH": ""}
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=False, env=environment
    )
    assert result.stderr == ""
