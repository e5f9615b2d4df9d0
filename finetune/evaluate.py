"""`nightdesk evaluate`: what the sealed bundle does with files that nothing was chosen on.

The product's own encoder, search and policy decide; only the judging is done here.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from bot.bundle_knowledge import BundleKnowledge, load
from bot.decisions import Answer, Ask, Decision, HandOff, Question, RunAction, StaySilent
from bot.settings import Settings as BotSettings
from finetune.alone import decide_alone
from finetune.entities.company import entity_report
from finetune.errors import BadLabels, NothingToServe
from finetune.judge import Judge
from finetune.labelled import Question as HeldOut
from finetune.labelled import read_labelled, read_questions, read_texts
from finetune.sentiment.report import sentiment_report
from finetune.settings import Settings
from finetune.utterances import read_utterances
from retrieval.bundle import CurrentBundle
from retrieval.corpus import Corpus
from retrieval.errors import NoBundle
from retrieval.masking import Masker
from retrieval.passages import all_passages
from retrieval.settings import Settings as RetrievalSettings

OUTCOMES = ("answered_right", "answered_wrong", "perhaps_right", "perhaps_wrong", "responded", "not_answered")
Decide = Callable[[Sequence[str]], list[Decision]]
DECISIONS: Mapping[type, str] = {
    Answer: "answer",
    Ask: "ask",
    RunAction: "action",
    HandOff: "handoff",
    StaySilent: "silent",
}


def evaluate(
    settings: Settings,
    retrieval: RetrievalSettings,
    bot: BotSettings,
    home: Path,
    *,
    current: CurrentBundle | None = None,
) -> dict[str, Any]:
    """Return the decisions on each held-out file, and how many of the answers among them were wrong.

    An answer is wrong if its first passage is no right source of the question, or if there was nothing to answer. An
    action or handoff is wrong if another intent was meant. A suggestion ("this may be it") is counted by itself.
    Raises NothingToServe without a trained bundle, BadLabels if no test file is configured.
    """
    started = time.perf_counter()
    current = current or CurrentBundle(home)
    try:
        knowledge = load(current.get(), current.encoder(), home, retrieval)
    except NoBundle as error:
        raise NothingToServe(f"{error}; evaluate needs a bundle") from error
    if knowledge.head is None:
        raise NothingToServe(f"bundle {knowledge.bundle} has no intent head; run `nightdesk train` first")
    mask = Masker.from_settings(retrieval).mask_identifiers
    report: dict[str, Any] = {"bundle": knowledge.bundle}

    def decided(texts: Sequence[str]) -> list[Decision]:
        return decide_alone(knowledge, texts, bot, retrieval)

    if settings.test_utterances:
        report["intents"] = _intents(knowledge, decided, settings.test_utterances, mask)
    if settings.test_entities and knowledge.tagger:
        report["entities"] = entity_report(knowledge.tagger, settings.test_entities)
    if settings.test_sentiment and knowledge.sentiment:
        report["sentiment"] = sentiment_report(knowledge, settings.test_sentiment, settings.sentiment_upset, mask)
    if settings.test_questions:
        with Corpus.read(home) as corpus:
            judge = Judge(all_passages(corpus), knowledge.encoder)
        report["questions"] = _questions(decided, judge, settings.test_questions)
    if settings.test_unanswerable:
        texts = [question.text for question in read_questions(settings.test_unanswerable)]
        report["unanswerable"] = _unwanted(decided, texts)
    if settings.test_out_of_scope:
        report["out_of_scope"] = _unwanted(decided, read_texts(settings.test_out_of_scope))
    if len(report) == 1:
        raise BadLabels("[finetune] names no test file; set test_utterances, test_questions or test_out_of_scope")
    report["answered"] = _answered(report)
    report["seconds"] = round(time.perf_counter() - started, 2)
    return report


def _intents(knowledge: BundleKnowledge, decided: Decide, path: Path, mask: Callable[[str], str]) -> dict[str, Any]:
    utterances = read_labelled(path)
    head = knowledge.head
    assert head is not None
    masked = [mask(utterance.text) for utterance in utterances]
    probabilities, _ = head.apply(*read_utterances(knowledge.encoder, masked))
    named = [head.labels[index] for index in probabilities.argmax(axis=1)]
    right = sum(name == utterance.intent for name, utterance in zip(named, utterances, strict=True))
    decisions = decided([utterance.text for utterance in utterances])
    acted = [
        (decision, utterance.intent)
        for decision, utterance in zip(decisions, utterances, strict=True)
        if isinstance(decision, RunAction | HandOff) or (isinstance(decision, Answer) and decision.response)
    ]
    wrong = sum(_intent_of(decision) not in (None, intent) for decision, intent in acted)
    return {
        "utterances": len(utterances),
        "accuracy": round(right / len(utterances), 4),
        "decisions": _tally(decisions),
        "acted": len(acted),
        "acted_wrong": wrong,
    }


def _questions(decided: Decide, judge: Judge, path: Path) -> dict[str, Any]:
    questions = read_questions(path)
    decisions = decided([question.text for question in questions])
    outcomes = (_outcome(decision, question, judge) for question, decision in zip(questions, decisions, strict=True))
    counts = Counter(outcomes)
    return {"questions": len(questions), **{name: counts[name] for name in OUTCOMES}, "decisions": _tally(decisions)}


def _outcome(decision: Decision, question: HeldOut, judge: Judge) -> str:
    """One of OUTCOMES: what became of a question that has a source."""
    if isinstance(decision, Answer) and decision.response:
        return "responded"  # with words fixed for an intent; whether they answer, nobody has labelled
    hits = decision.hits if isinstance(decision, Answer | Ask) else ()
    if not hits:
        return "not_answered"
    kind = "answered" if isinstance(decision, Answer) else "perhaps"
    return f"{kind}_{'right' if judge.right(hits[0].passage, question.sources) else 'wrong'}"


def _unwanted(decided: Decide, texts: Sequence[str]) -> dict[str, Any]:
    """Nothing answers these: an answer is wrong, and so is an action begun (though it would ask before it acts)."""
    decisions = decided(texts)
    return {
        "utterances": len(texts),
        "answered_wrong": sum(isinstance(decision, Answer) for decision in decisions),
        "begun_wrong": sum(isinstance(decision, RunAction) for decision in decisions),
        "decisions": _tally(decisions),
    }


def _answered(report: Mapping[str, Any]) -> dict[str, Any]:
    """Share of wrong answers among all answers given to questions, answerable or not."""
    questions = report.get("questions", {})
    right = questions.get("answered_right", 0)
    wrong = questions.get("answered_wrong", 0)
    wrong += sum(report.get(name, {}).get("answered_wrong", 0) for name in ("unanswerable", "out_of_scope"))
    given = right + wrong  # a fixed response to a question is neither: nobody has labelled those
    return {"answers": given, "wrong": wrong, "wrong_share": round(wrong / given, 4) if given else 0.0}


def _intent_of(decision: Decision) -> str | None:
    return decision.intent if isinstance(decision, RunAction | HandOff | Answer) else None


def _tally(decisions: Sequence[Decision]) -> dict[str, int]:
    """How often each kind was decided; "this is perhaps the answer" is told apart from other ways of asking."""
    counts = dict.fromkeys(("answer", "perhaps", "ask", "action", "handoff"), 0)
    for decision in decisions:
        perhaps = isinstance(decision, Ask) and decision.question is Question.PERHAPS
        name = "perhaps" if perhaps else DECISIONS[type(decision)]
        counts[name] = counts.get(name, 0) + 1
    return counts
