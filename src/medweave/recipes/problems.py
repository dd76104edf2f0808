"""Where in a recipe a problem lies, where pydantic's location also names the member of a union that it tried."""

from pydantic_core import ErrorDetails


def is_union_branch(part: str) -> bool:
    """Tell apart the names that pydantic puts into a location for the members of a union."""
    return any(part.startswith(prefix) for prefix in ("function-", "constrained-", "tuple[", "dict[", "literal["))


def is_of_another_branch(problem: ErrorDetails) -> bool:
    """Tell whether a problem concerns the member of a union that the value was not meant for: word, table or value."""
    branch, value = str(problem["loc"][-1]) if problem["loc"] else "", problem["input"]
    if not is_union_branch(branch):
        return False
    if isinstance(value, str):
        return not branch.startswith("literal[")
    return branch.startswith(("literal[", "tuple[") if isinstance(value, dict) else ("literal[", "dict["))
