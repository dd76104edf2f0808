"""What makes an input doubtful, in a code for programs and in words."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class InputWarning:
    """A reason to doubt that the model knows an input.

    Attributes:
        code: The reason ("intensity", "features", "xray_contrast").
        input_name: The input concerned.
        message: What was found and what the training images have.
    """

    code: str
    input_name: str
    message: str

    def to_json(self) -> dict[str, str]:
        """Return the warning as plain JSON values."""
        return asdict(self)

    def __str__(self) -> str:
        return f"{self.input_name}: {self.message}"
