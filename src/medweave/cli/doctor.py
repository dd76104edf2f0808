"""`medweave doctor`: what this machine has and what is missing."""

import json
from pathlib import Path
from typing import Annotated

import typer

from medweave.workflows import doctor as workflow


def doctor(
    bundle: Annotated[Path | None, typer.Option(help="Also check that this bundle answers as at its export.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")] = False,
) -> None:
    """Show versions, processor and memory; exit code 1 when something is missing."""
    diagnosis = workflow.run(bundle)
    if json_:
        print(json.dumps({"facts": diagnosis.facts, "problems": list(diagnosis.problems)}))
    else:
        for name, value in diagnosis.facts.items():
            print(f"{name:26} {value if value is not None else 'none'}")
        for problem in diagnosis.problems:
            print(f"problem: {problem}")
    if diagnosis.problems:
        raise typer.Exit(1)
