"""Options of the dataset cards."""

from pydantic import Field

from tshirt_assets.config.options import Options


class CardOptions(Options):
    """What the dataset card of every export says, and cannot know by itself."""

    license: str | None = Field(
        default=None,
        pattern=r"^[a-z0-9][a-z0-9.\-]*$",
        description="Licence of the texts, by the identifier of the Hugging Face Hub: apache-2.0, "
        "cc-by-4.0, other.",
    )
    language: tuple[str, ...] = Field(
        default=(), description="Languages of the texts, by their ISO 639 codes: [en, de]."
    )
