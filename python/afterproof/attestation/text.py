"""Text from strangers, fit for a terminal."""


def printable(text: str) -> str:
    """``text`` with everything escaped that a terminal might obey."""
    return "".join(each if each.isprintable() else ascii(each)[1:-1] for each in text)
