"""Reading a case whose images were uploaded; what is wrong with it is told without the names of files here."""

from medweave.core.errors import DataError
from medweave.data.case import Case
from medweave.inference.case_inputs import CaseInputs
from medweave.inference.predictor import Predictor


def read_uploaded(predictor: Predictor, case: Case) -> CaseInputs:
    """Read, check and preprocess the inputs that a case has.

    Raises:
        DataError: A file cannot be used or an input is missing.
    """
    try:
        return predictor.read(case)
    except DataError as error:
        raise without_paths(error, case) from error
    except RuntimeError as error:  # of ITK, which says nothing that a client could use
        raise DataError("an image cannot be read", fix="convert or send it again.") from error


def without_paths(error: DataError, case: Case) -> DataError:
    """Return the error with the names of the images in the place of their paths."""
    names = [name for name, path in case.images.items() if str(path) in str(error.where)]
    cleaned = DataError(error.what, got=error.got, wanted=error.wanted, fix=error.fix)
    detail = str(cleaned)
    for path in case.images.values():
        detail = detail.replace(str(path), path.name)
    return DataError(": ".join([*(f"image {name!r}" for name in names), detail]))
