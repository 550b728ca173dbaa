"""What an outside service can do to its caller: fail surely, or leave it in doubt."""


class ServiceError(Exception):
    """An outside service did not do what was asked.

    `permanent` says that asking again unchanged cannot help.
    """

    def __init__(self, message: str, *, permanent: bool) -> None:
        super().__init__(message)
        self.permanent = permanent


class RecipientRefused(ServiceError):
    """This one recipient cannot be reached, which says nothing about the service."""

    def __init__(self, message: str) -> None:
        super().__init__(message, permanent=True)


class OutcomeUnknown(ServiceError):
    """No answer came after the point of no return: it may have happened, and cost what it costs."""

    def __init__(self, message: str, *, permanent: bool = True) -> None:
        super().__init__(message, permanent=permanent)
