"""The one root of what the stack reports to its user as a sentence instead of a traceback."""


class StackError(Exception):
    """The stack cannot do what it was asked; the message says why and what to change."""
