"""The error of evidence that cannot be had, or could not be trusted."""


class EvidenceError(RuntimeError):
    """Why there is no evidence; the message says what to do."""
