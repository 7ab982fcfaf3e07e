"""The closed list of row statuses: a row that goes wrong gets one, and never raises."""

from enum import StrEnum


class Status(StrEnum):
    """Why a row takes part in a step (`ok`) or does not (every other member)."""

    OK = "ok"
    # Found while reading.
    UNREADABLE_LINE = "unreadable_line"
    FILE_ENDS_EARLY = "file_ends_early"
    MISSING_FIELD = "missing_field"
    NOT_TEXT = "not_text"
    UNKNOWN_ROLE = "unknown_role"
    EMPTY_INSTRUCTION = "empty_instruction"
    EMPTY_RESPONSE = "empty_response"
    NO_ASSISTANT_TURN = "no_assistant_turn"
    # Found while tokenising or scoring.
    TEMPLATE_ERROR = "template_error"
    PROMPT_TOO_LONG = "prompt_too_long"
    RESPONSE_TOO_SHORT = "response_too_short"
    NON_FINITE_LOSS = "non_finite_loss"
    NO_INFORMATIVE_TOKEN = "no_informative_token"
    NO_NEIGHBOUR = "no_neighbour"
    # An earlier step refused the row; its detail names the step's own status.
    UPSTREAM = "upstream"
