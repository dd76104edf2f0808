"""Numbers with their nouns."""


def counted(number: int, noun: str) -> str:
    """Return "1 case", "2 cases", "12,345 cases".

    Args:
        number: How many.
        noun: In the singular; its plural ends in s.
    """
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
