"""Sources that lie elsewhere: which there are, and the options with which each is reached."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator

from tshirt_assets.config.credentials import in_address

SCHEMES: Final[dict[str, str]] = {
    "s3": "s3",
    "gs": "gs",
    "gcs": "gs",
    "az": "az",
    "hf": "hf",
    "http": "https",
    "https": "https",
}
"""What the beginning of an address says of the kind of source."""

OPTIONS: Final[dict[str, tuple[str, ...]]] = {
    "s3": ("key", "secret", "token", "endpoint_url", "region", "profile", "anon", "requester_pays"),
    "gs": ("token", "project", "endpoint_url", "requester_pays"),
    "az": (
        *("account_name", "account_key", "sas_token", "connection_string"),
        *("tenant_id", "client_id", "client_secret", "anon"),
    ),
    "hf": ("token", "endpoint"),
    "https": ("token", "username", "password"),
}
"""The options of each kind, as fsspec names them."""

_OF_THE_STORE: Final[dict[str, dict[str, str]]] = {
    "s3": {
        "access_key_id": "key",
        "secret_access_key": "secret",
        "session_token": "token",
        "endpoint": "endpoint_url",
        "endpoint_url": "endpoint_url",
        "region": "region",
        "skip_signature": "anon",
    },
    "gs": {"service_account": "token", "application_credentials": "token"},
    "az": {
        "storage_account_name": "account_name",
        "account_name": "account_name",
        "storage_account_key": "account_key",
        "account_key": "account_key",
        "storage_sas_key": "sas_token",
        "sas_token": "sas_token",
        "storage_tenant_id": "tenant_id",
        "storage_client_id": "client_id",
        "storage_client_secret": "client_secret",
    },
}
"""LanceDB's names, without the prefix `aws_`, `google_` or `azure_`, and what fsspec calls them."""
_PREFIX: Final = {"s3": "aws_", "gs": "google_", "az": "azure_"}


def source_kind(path: str) -> str | None:
    """The kind of source that a path names, `s3` for example; None for one of this machine.

    Raises `ValueError` for an address of a kind that cannot be read.
    """
    scheme, mark, _ = path.partition("://")
    if not mark:
        return None
    if scheme not in SCHEMES:
        known = ", ".join(f"{name}://" for name in OPTIONS)
        raise ValueError(f"{scheme}:// cannot be read; use {known} or a path of this machine")
    return SCHEMES[scheme]


def access_options(
    kind: str, given: Mapping[str, str], store: str, storage_options: Mapping[str, str]
) -> dict[str, str]:
    """The options for a kind of source: the given ones, else those of a store of the same kind.

    `hf.token` is an option of one kind, `token` of all that have one. `${NAME}` stays as it is.
    """
    own = {name: given.get(f"{kind}.{name}", given.get(name)) for name in OPTIONS[kind]}
    chosen = {name: value for name, value in own.items() if value is not None}
    if chosen or SCHEMES.get(store.partition("://")[0] if "://" in store else "") != kind:
        return chosen
    names = _OF_THE_STORE.get(kind, {})
    written = {
        name.lower().removeprefix(_PREFIX.get(kind, "")): value
        for name, value in storage_options.items()
    }
    return {names[name]: value for name, value in written.items() if name in names}


def _known_names(options: dict[str, str]) -> dict[str, str]:
    plain = {name for names in OPTIONS.values() for name in names}
    of_one_kind = {f"{kind}.{name}" for kind, names in OPTIONS.items() for name in names}
    for name in options:
        if name not in plain | of_one_kind:
            allowed = ", ".join(sorted(plain))
            raise ValueError(
                f"{name} is no option of a source; allowed here: {allowed}; those of one kind of "
                f"several as in {'hf.token'!r}"
            )
    return options


def _without_credentials(paths: tuple[str, ...]) -> tuple[str, ...]:
    for path in paths:
        kind = source_kind(path)
        if kind is not None and in_address(path):
            scheme, _, rest = path.partition("://")
            where = f"{scheme}://..." if "@" in rest else path.partition("?")[0]
            raise ValueError(
                f"the address of {where} holds credentials or a signature, which would be shown "
                "and logged; name the object itself (s3://bucket/name for a signed link to one) "
                "and put what grants access into source_options, as ${NAME} of a variable"
            )
    return paths


SourcePaths = Annotated[tuple[str, ...], AfterValidator(_without_credentials)]
SourceOptions = Annotated[dict[str, str], AfterValidator(_known_names)]
