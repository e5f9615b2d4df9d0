"""The shapes of the TOML file that describes a shop's API. What a name may refer to is checked by `load`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

SECRET_VARIABLE = "NIGHTDESK_BACKOFFICE_SECRET"  # noqa: S105 - the name of a variable, not a secret
Status = Annotated[int, Field(ge=200, le=599)]
HeaderText = Annotated[str, Field(pattern=r"^[!-~]([ -~]*[!-~])?$", description="printable ASCII")]
PlainName = Annotated[str, Field(pattern=r"^[A-Za-z0-9-]+$")]
Path_ = Annotated[str, Field(pattern=r"^/[^?#\s]*$", description="begins with / and follows base_url; no query")]


class Part(BaseModel):
    """A table of the file: frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Auth(Part):
    """How Nightdesk shows who it is. The secret itself is in the environment variable that `secret` names."""

    kind: Literal["bearer", "basic", "header"] = Field(description="bearer and basic use Authorization")
    secret: str = Field(SECRET_VARIABLE, pattern=r"^[A-Z][A-Z0-9_]*$", description="the NAME of the variable")
    username: str = Field(default="", description="for basic")
    header: str = Field(default="", pattern=r"^[A-Za-z0-9-]*$", description="for header: the header's name")


class Timeouts(Part):
    """Seconds; `total_s` holds for one request with its retries."""

    connect_s: float = Field(default=2.0, gt=0, le=60)
    read_s: float = Field(default=4.0, gt=0, le=60, description="the longest silence while an answer is read")
    total_s: float = Field(default=6.0, gt=0, le=120)


class Retries(Part):
    """Another attempt follows a lost connection, 429, 502, 503 and 504; Retry-After is obeyed within the total time."""

    attempts: int = Field(default=3, ge=1, le=10, description="the first one included")
    backoff_s: float = Field(default=0.2, gt=0, le=10, description="doubles; a random part of it is waited")
    backoff_most_s: float = Field(default=2.0, gt=0, le=60)


class Breaker(Part):
    """After so many failures one after the other nothing is sent for a while; then one request tries."""

    failures: int = Field(default=5, ge=1, le=1000)
    cool_down_s: float = Field(default=15.0, gt=0, le=3600)


class Idempotency(Part):
    """What the shop does with a key that comes a second time. There is no default: somebody has to know."""

    honoured: bool = Field(description="true: a write whose key was seen is not done again, and answered the same")
    header: PlainName = "Idempotency-Key"
    hours: float = Field(default=24.0, gt=0, description="how long the shop remembers a key")
    busy_at: str = Field(
        default="", description="where a refusal says that the first request with the key is still under way"
    )
    busy_words: tuple[str, ...] = Field(default=(), description="what it says then")


def _table(value: object) -> object:
    return {"at": value} if isinstance(value, str) else value


class FieldSpec(Part):
    """Where one of our values lies in the shop's answer, and how it is read. A bare text is `at`."""

    at: str = Field(default="", description="dotted path; a number picks from a list: payments.0.id")
    map: Mapping[str, str] = Field(default={}, description="the shop's words to ours")
    otherwise: str | None = Field(default=None, description="our word for what the map doesn't know")
    default: str | int | float | bool | None = Field(default=None, description="used where the shop says nothing")
    unit: Literal["cents", "units", "unix", "unix_ms"] | None = None
    negate: bool = Field(default=False, description="turns the sign of an amount round")
    fields: Mapping[str, FieldEntry] = Field(
        default={}, description="the parts of an object, or of each entry of a list"
    )
    key: str = Field(default="", description="in a list of pairs: where an entry's name lies")
    value: str = Field(default="", description="in a list of pairs: where an entry's value lies")
    asked: Literal["customer_id", "order_number", "code"] | None = Field(
        default=None, description="what was asked with"
    )


FieldEntry = Annotated[FieldSpec, BeforeValidator(_table)]
Fields = Mapping[str, FieldEntry]


class Read(Part):
    """One call that reads."""

    method: Literal["GET", "POST"] = "GET"
    path: Path_
    query: Mapping[str, str] = Field(default={}, description="parameters; {placeholders} are filled in")
    body: Mapping[str, Any] | None = Field(default=None, description="a JSON body, for APIs that search with POST")
    take: str = Field(default="", description="where in the answer the record or the list lies; empty is all of it")
    fields: Fields = {}
    not_found: tuple[Status, ...] = Field(default=(404,), description="statuses that mean: there is none")


class Paging(Part):
    """How the next page is asked for."""

    by: Literal["link", "header", "page", "cursor"]
    at: str = Field(default="", description="link, cursor: where in the answer it lies")
    parameter: str = Field(default="", description="page, cursor: the query's parameter")
    first: int = Field(default=1, ge=0, description="page: the first page's number")
    size: int | None = Field(default=None, ge=1, description="page: a page with fewer entries is the last one")
    most: int = Field(default=20, ge=1, le=1000, description="pages that are read at most")


class ReadList(Read):
    """One call that reads a list."""

    paging: Paging | None = None
    cache_s: float = Field(default=0.0, ge=0, le=86_400, description="products only: how long an answer is used again")
    details: bool = Field(
        default=False, description="orders only: the list has just numbers; each is asked for by [order]"
    )


class Refusals(Part):
    """How the shop says no to a write."""

    statuses: tuple[Status, ...] = Field(default=(409, 422), description="a rule of the shop forbids it")
    no_such_order: tuple[Status, ...] = (404,)
    message: str = Field(default="", description="where the sentence for the customer lies")
    policy: str = Field(default="", description="where the policy's name lies; empty is the name in terms.toml")
    rule: FieldEntry | None = Field(
        default=None, description="where the reason's code lies, mapped to one of our rules"
    )


class WriteCall(Part):
    """One call that changes something."""

    method: Literal["POST", "PUT", "PATCH", "DELETE"] = "POST"
    path: Path_
    query: Mapping[str, str] = {}
    body: Mapping[str, Any] | None = Field(
        default=None, description="JSON with {placeholders}; what has no value is left out"
    )
    maps: Mapping[str, Mapping[str, str]] = Field(
        default={}, description="our words to the shop's, by the value's name"
    )
    expect: tuple[Status, ...] = Field(default=(200, 201, 202, 204), description="statuses that mean: it is done")
    receipt: Fields = {}
    refusals: Refusals | None = Field(
        default=None, description="where this call says no in another way than [refusals]"
    )


class Samples(Part):
    """What `nightdesk doctor` looks at: an order and a customer that are there to be looked at."""

    order_number: str = ""
    customer_id: str = ""


class ShopApi(Part):
    """A shop's whole API."""

    base_url: str
    amounts: Literal["units", "cents"] = Field(default="units", description="how the API counts money")
    most_bytes: int = Field(default=4_000_000, ge=1_000, description="largest answer, unpacked; more is refused")
    ca_file: Path | None = Field(default=None, description="certificates of a private authority, PEM, to trust besides")
    headers: Mapping[PlainName, HeaderText] = Field(default={}, description="sent with every request")
    auth: Auth
    timeouts: Timeouts = Timeouts()
    retries: Retries = Retries()
    breaker: Breaker = Breaker()
    idempotency: Idempotency
    order: Read
    orders: ReadList
    customer: Read
    products: ReadList
    voucher: Read | None = None
    done: Read | None = None
    refusals: Refusals = Refusals()
    writes: Mapping[str, WriteCall] = {}
    samples: Samples = Samples()

    def refusals_of(self, write: str) -> Refusals:
        """How the shop says no to this write."""
        return self.writes[write].refusals or self.refusals
