"""What the sections of a recipe are made of: frozen tables, components by name, numbers within bounds."""

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

Auto = Literal["auto"]
Fraction = Annotated[float, Field(ge=0, le=1)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]
Size = Annotated[tuple[PositiveInt, ...], Field(min_length=2, max_length=3)]
Spacing = Annotated[tuple[PositiveFloat, ...], Field(min_length=2, max_length=3)]


def _usable_in_file_names(name: str) -> str:
    if not re.fullmatch(r"\w[\w-]*", name):
        raise ValueError("a name has letters, digits, _ and - only, for it is part of file names")
    return name


Name = Annotated[str, AfterValidator(_usable_in_file_names)]


def name_only(value: object) -> object:
    """Write out the short form `name` of `{name: …}`."""
    return {"name": value} if isinstance(value, str) else value


class Section(BaseModel):
    """A part of a recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)


class Component(BaseModel):
    """A registered component by name, with its parameters beside the name."""

    model_config = ConfigDict(frozen=True, extra="allow", use_attribute_docstrings=True)

    name: str
    """Registered name; `medweave recipes components` lists them."""

    @property
    def parameters(self) -> dict[str, Any]:
        """The parameters as written, without the name."""
        return dict(self.model_extra or {})


ComponentField = Annotated[Component, BeforeValidator(name_only, json_schema_input_type=str | Component)]
