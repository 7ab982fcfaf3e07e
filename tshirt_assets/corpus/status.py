"""The closed list of row statuses: a row that goes wrong gets one, and never raises."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final


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
    NO_TRAINED_TURN = "no_trained_turn"
    # Found while tokenising or scoring.
    TEMPLATE_ERROR = "template_error"
    PROMPT_TOO_LONG = "prompt_too_long"
    RESPONSE_TOO_SHORT = "response_too_short"
    NON_FINITE_LOSS = "non_finite_loss"
    NO_INFORMATIVE_TOKEN = "no_informative_token"
    NO_NEIGHBOUR = "no_neighbour"
    # An earlier step refused the row; its detail names the step's own status.
    UPSTREAM = "upstream"


EXPLANATIONS: Final[Mapping[Status, str]] = {
    Status.UNREADABLE_LINE: "The line of the source file is not a record.",
    Status.FILE_ENDS_EARLY: "The file breaks off here; the rows behind it are missing.",
    Status.MISSING_FIELD: "A field that the format needs is not there.",
    Status.NOT_TEXT: "A field that should be text is something else.",
    Status.UNKNOWN_ROLE: "A turn of the conversation has a role that nobody knows.",
    Status.EMPTY_INSTRUCTION: "There is no question to answer.",
    Status.EMPTY_RESPONSE: "There is no response to learn from.",
    Status.NO_ASSISTANT_TURN: "The conversation has no turn of the assistant.",
    Status.NO_TRAINED_TURN: "Every turn of the assistant is marked as not to be trained on.",
    Status.TEMPLATE_ERROR: "The model's chat template refused the conversation.",
    Status.PROMPT_TOO_LONG: "The prompt leaves no room for the response in the model's context.",
    Status.RESPONSE_TOO_SHORT: "Fewer than two response tokens: nothing to compare.",
    Status.NON_FINITE_LOSS: "The model returned no finite loss for it.",
    Status.NO_INFORMATIVE_TOKEN: "No token's probability depends on the instruction.",
    Status.NO_NEIGHBOUR: "There is no other row that could serve as its example.",
    Status.UPSTREAM: "An earlier step refused the row.",
}
"""What each status says of a row that is not used, for people."""
