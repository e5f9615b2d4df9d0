import numpy as np

from bot.decisions import Answer, Ask, HandOff, Question, RunAction
from bot.types import HandoffReason
from finetune.evaluate import _outcome, _tally
from finetune.judge import Judge
from finetune.labelled import Question as HeldOut
from retrieval.types import Hit, Passage, PassageKind


class OneAxisPerText:
    """An encoder for a handful of texts: each new text has its own direction, so only equal texts are alike."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def encode(self, texts: list[str]) -> np.ndarray:
        self.seen += [text for text in texts if text not in self.seen]
        return np.eye(16, dtype=np.float32)[[self.seen.index(text) for text in texts]]


def passage(number: int, source: str, text: str, kind: PassageKind = PassageKind.ARTICLE) -> Passage:
    return Passage(number, kind, "", text, "", f"articles/{source}", "en")


RETURNS, FROST = passage(1, "returns.md", "30 days"), passage(2, "frost.md", "We wait for milder weather")
CARD = passage(3, "", "30 days", PassageKind.CARD)
ASKED = HeldOut("how long may I keep it", "returns.md", ("refunds.md",))


def judge() -> Judge:
    return Judge([RETURNS, FROST, CARD], OneAxisPerText())  # type: ignore[arg-type]


def answered(found: Passage) -> Answer:
    return Answer(hits=(Hit(found, 0.9, None, 0.1, 1),))


def test_an_answer_is_right_if_its_first_passage_comes_from_a_right_source() -> None:
    assert _outcome(answered(RETURNS), ASKED, judge()) == "answered_right"
    assert _outcome(answered(FROST), ASKED, judge()) == "answered_wrong"


def test_another_right_source_counts_as_well() -> None:
    assert (
        _outcome(answered(FROST), HeldOut("when is it sent", "packing.md", ("frost.md",)), judge()) == "answered_right"
    )


def test_a_card_is_right_if_a_right_source_says_the_same() -> None:
    assert _outcome(answered(CARD), ASKED, judge()) == "answered_right"


def test_a_suggestion_is_no_answer() -> None:
    perhaps = Ask(Question.PERHAPS, hits=answered(FROST).hits)
    assert _outcome(perhaps, ASKED, judge()) == "perhaps_wrong"


def test_a_fixed_response_is_counted_by_itself() -> None:
    assert _outcome(Answer("greet", response="Hello!"), ASKED, judge()) == "responded"
    assert _outcome(HandOff(HandoffReason.MISSING_KNOWLEDGE), ASKED, judge()) == "not_answered"


def test_every_kind_of_decision_is_counted_and_a_suggestion_told_apart() -> None:
    decisions = [answered(RETURNS), Ask(Question.UNKNOWN), Ask(Question.PERHAPS), RunAction("action_track_order")]
    assert _tally(decisions) == {"answer": 1, "perhaps": 1, "ask": 1, "action": 1, "handoff": 0}
