"""The `[finetune]` section of the configuration."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field

File = Annotated[Path | None, BeforeValidator(lambda value: None if value == "" else value)]
"""A file, or "" for none."""


class Settings(BaseModel):
    """Where the labelled sets lie and what evaluation aims for."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    utterances: Path = Field(Path("data/demo/utterances.csv"), description="CSV with header text,intent")
    out_of_scope: File = Field(
        Path("data/demo/out_of_scope.csv"), description="CSV with header text: utterances that no intent covers"
    )
    entities: File = Field(
        Path("data/demo/entities.conll"),
        description="CoNLL columns: a token first, its IOB2 tag last; PERSON and ADDRESS are masked as well",
    )
    sentiment: File = Field(
        Path("data/demo/sentiment.csv"),
        description="CSV with header text,label: how customers' messages sound; without it anger is heard by rules",
    )
    sentiment_upset: tuple[str, ...] = Field(
        ("angry",), description="labels of that file that say that a customer is angry with us, not merely sad"
    )
    questions: File = Field(
        Path("data/demo/questions_calibration.jsonl"),
        description='JSONL of {"question", "source", "also"}: which articles answer it; none if source is null',
    )
    unanswerable: File = Field(
        Path("data/demo/questions_calibration_unanswerable.jsonl"),
        description="JSONL of questions that nothing answers; the thresholds are chosen with them",
    )
    support: File = Field(
        Path("data/demo/support_pairs.jsonl"),
        description="JSONL of sentences that passages support or do not; without it drafts are checked by rules",
    )
    composed: File = Field(
        Path("data/demo/composed_labels.jsonl"),
        description="JSONL of composed answers labelled by hand; without it customers never read composed answers",
    )
    intents: Path = Field(Path("data/demo/intents.toml"), description="what to do for each intent")
    test_utterances: File = Field(Path("data/demo/utterances_test.csv"), description="opened by evaluate only")
    test_out_of_scope: File = Field(Path("data/demo/out_of_scope_test.csv"), description="opened by evaluate only")
    test_entities: File = Field(Path("data/demo/entities_test.conll"), description="opened by evaluate only")
    test_sentiment: File = Field(Path("data/demo/sentiment_test.csv"), description="opened by evaluate only")
    test_questions: File = Field(Path("data/demo/questions.jsonl"), description="opened by evaluate only")
    test_unanswerable: File = Field(
        Path("data/demo/unanswerable.jsonl"),
        description="JSONL of questions that nothing answers; opened by evaluate only",
    )
    target_wrong: float = Field(0.02, gt=0, lt=1, description="share of wrong answers allowed among those given")
    target_unsure: float = Field(
        0.35, gt=0, lt=1, description="share of wrong ones allowed among passages shown as no more than a suggestion"
    )
    target_asked: float = Field(
        0.15,
        gt=0,
        lt=1,
        description="share of what is out of scope that may be asked what is meant; no answer is given",
    )
    target_wrong_action: float = Field(
        0.1,
        gt=0,
        lt=1,
        description="share of wrong ones allowed among actions begun; an action asks before it changes anything",
    )
    target_false_alarms: float = Field(
        0.02, gt=0, lt=1, description="share of calm messages that may be taken for anger at us"
    )
    recipe: dict[str, int | float | str] = Field(
        default_factory=dict, description="fields of the encoder's recipe that differ from what `train` takes"
    )
    response: dict[str, int | float | str | bool | list[str]] = Field(
        default_factory=dict, description="fields of the response model's recipe that differ, for `train --response`"
    )
    folds: int = Field(5, ge=2, le=20, description="folds of cross-validation on the training utterances")
    seed: int = Field(13, description="shuffles the folds")

    def without_heads(self) -> Settings:
        """Return settings by which only intents, and when a passage answers, are learnt."""
        return self.model_copy(update={"entities": None, "sentiment": None, "support": None, "composed": None})
