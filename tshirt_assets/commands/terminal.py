"""What a headless run says on the terminal: the assets' own messages, and why something failed."""

import logging
import sys

import dagster as dg


def explain_failures(result: dg.ExecuteInProcessResult) -> None:
    """Say in one line each why steps failed: the innermost error holds the remedy."""
    for event in result.get_step_failure_events():
        error = event.step_failure_data.error
        while error is not None and error.cause is not None:
            error = error.cause
        if error is not None:
            message = error.message.strip().splitlines()[0]
            print(f"error: {event.step_key}: {message}", file=sys.stderr)


class _PlainFormatter(logging.Formatter):
    """The message alone, and errors with their cause: no run ids on a terminal."""

    def format(self, record: logging.LogRecord) -> str:
        meta = getattr(record, "dagster_meta", {})
        message = meta.get("orig_message") or record.getMessage()
        return f"{record.levelname}: {message}" if record.levelno >= logging.WARNING else message


class _UserMessages(logging.Filter):
    """Lets through what assets log, and drops Dagster's own event messages."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(record, "dagster_meta", {}).get("dagster_event")


@dg.logger({}, "Plain progress lines on standard error.")
def terminal_logger(_context: dg.InitLoggerContext) -> logging.Logger:
    """Console logger of headless runs."""
    logger = logging.Logger("tshirt_assets.terminal", logging.INFO)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_PlainFormatter())
    handler.addFilter(_UserMessages())
    logger.addHandler(handler)
    return logger
