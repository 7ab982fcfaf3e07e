"""The error of an asset whose inputs are not what it needs."""


class UpstreamError(RuntimeError):
    """What an asset is made from is missing, or does not fit; one line that says what to do."""
