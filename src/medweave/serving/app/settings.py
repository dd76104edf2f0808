"""What the app shows, as it is handed to the script that Streamlit runs."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from medweave.serving.served_model import ServedModel, load_models


@dataclass(frozen=True)
class AppSettings:
    """What the app shows.

    Attributes:
        models: Runs and bundles to predict with.
        runs: Runs to browse.
        data: Data folders to browse.
    """

    models: tuple[Path, ...]
    runs: tuple[Path, ...] = ()
    data: tuple[Path, ...] = ()

    def to_argument(self) -> str:
        """Return one argument of a command line that says it all."""
        return json.dumps({name: [str(path) for path in paths] for name, paths in vars(self).items()})

    @classmethod
    def from_argument(cls, argument: str) -> "AppSettings":
        """Return the settings that `to_argument` wrote."""
        return cls(**{name: tuple(map(Path, paths)) for name, paths in json.loads(argument).items()})


@cache
def loaded_models(paths: tuple[Path, ...]) -> dict[str, ServedModel]:
    """Load models once for every page and visitor; arguments and errors are those of `load_models`."""
    return load_models(paths)
