"""`UserError`, the exception for mistakes of the user."""


class UserError(Exception):
    """Something that the user gave is wrong; the message says what, where, and what to do."""
