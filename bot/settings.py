"""The `[bot]` section of the configuration, and the secrets of this room."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ConfigDict, Field, field_validator

from bot.reading import OrderNumbers


class Settings(BaseModel):
    """Everything the action server can be told; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    host: str = Field("127.0.0.1", description="address to listen on; leave it on loopback unless web is elsewhere")
    port: int = Field(5055, ge=0, le=65535, description="port of the action server; 0 takes a free one")
    max_body_bytes: int = Field(4_000_000, ge=10_000, description="largest request, after unpacking; more is refused")
    ready_timeout_s: float = Field(30.0, gt=0, description="how long a request waits for the models at the start")

    assistant_name: str = Field("Moss", min_length=1, description="what the assistant calls itself")
    company_name: str = Field("Mossgrove", min_length=1, description="the company it speaks for")
    currency: str = Field("EUR", min_length=1, description="ISO code shown after amounts")
    order_prefix: str = Field("MG-", description="what order numbers start with")
    order_digits: int = Field(5, ge=3, le=12, description="how many digits follow the prefix")

    torch_threads: int = Field(1, ge=0, description="threads of one forward pass; 0 leaves torch's own choice")
    max_batch: int = Field(64, ge=1, le=512, description="most utterances in one forward pass")
    top_k: int = Field(8, ge=1, le=50, description="passages looked at for an answer")

    backoffice_seed: Path = Field(
        Path("data/demo/backoffice.json"),
        description="JSON of {customers, products, orders, vouchers, returns} that a new backoffice.db starts with",
    )
    backoffice_http: Path | None = Field(
        None, description="TOML that describes a shop's own API; without one the sample back office serves"
    )
    terms: Path = Field(
        Path("data/demo/terms.toml"),
        description="what the company allows: which changes, when, and the refusals' words",
    )
    confirm_minutes: int = Field(30, ge=1, description="a yes later than this after the question is asked for again")
    tag_words: Mapping[str, str] = Field(
        {
            "pet-safe": "cat cats dog dogs pet pets toddler",
            "low-light": "dark shade shady north",
            "outdoor": "garden terrace",
            "bathroom": "bathroom humid",
        },
        description="words of a customer that ask for a product with this tag",
    )
    recommend_refresh_s: float = Field(900.0, gt=0, description="seconds after which purchases are learnt anew")
    timezone: str = Field("Europe/Amsterdam", description="where the company's days begin and end")

    model: Literal["smollm2", "off"] = Field("smollm2", description="who writes drafts and summaries for agents")
    model_engine: Literal[
        "auto",
        "float32",
        "bfloat16",
        "bitsandbytes",
        "torchao",
        "torchao-dynamic",
        "ctranslate2",
        "ctranslate2-float32",
    ] = Field("auto", description="what decodes; auto measures once and takes the fastest that keeps answers equal")
    model_agreement: float = Field(
        0.95, gt=0, le=1, description="least share of next tokens that auto's engine has in common with float32"
    )
    model_threads: int = Field(1, ge=1, description="threads of decoding")
    model_max_tokens: int = Field(72, ge=8, le=512, description="longest draft or summary, in tokens")
    model_timeout_s: float = Field(12.0, gt=0, description="drafts and summaries are extractive if not written by then")

    composed: Literal["auto", "customers", "drafts", "off"] = Field(
        "auto", description="who reads what the model composes; auto: customers where evaluation allows it, else drafts"
    )
    composed_timeout_s: float = Field(6.0, gt=0, description="a customer's answer is extractive if not begun by then")

    points_dir: str = Field("", description="kill tests only: folder of the points at which a turn can be stopped")

    @field_validator("backoffice_http", mode="before")
    @classmethod
    def _empty_is_none(cls, path: object) -> object:
        return path or None

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ValueError(f"{name!r} is no time zone; expected a name such as Europe/Amsterdam") from error
        return name

    @property
    def orders(self) -> OrderNumbers:
        """How order numbers are written."""
        return OrderNumbers(self.order_prefix, self.order_digits)


@dataclass(frozen=True, slots=True)
class Secrets:
    """`bot` is shown by callers, `identity` verifies who asks, `back_office` is the shop's own. None is printed."""

    bot: str = field(repr=False)
    identity: str = field(repr=False)
    back_office: str = field(default="", repr=False)
