"""Learning a tagger, on models of two layers with random weights."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest
import torch
from entity_sentences import sentences
from tiny_bert import make_tiny_bert

from finetune.bench.entities import bench_entities
from finetune.entities.body import TaggerBody
from finetune.entities.company import learn_entities, masked_sentence, with_joined
from finetune.entities.conll import Sentence, chunks_of
from finetune.entities.crf import Crf
from finetune.entities.head import TaggerHead
from finetune.entities.learn import learn_tagger, split, tags_of
from finetune.entities.parts import Frozen, Tuned
from finetune.entities.recipe import TaggerRecipe
from finetune.errors import BadLabels
from retrieval.encoder import SentenceEncoder
from retrieval.tagger import FILE, EncoderTagger, Tagger
from retrieval.word_shapes import shapes_of

QUICK = TaggerRecipe(
    reads=600, frozen_layers=1, least_epochs=1, max_tokens=24, head_learning_rate=1e-2, hidden=32, head_dropout=0.1
)
LIGHT = replace(QUICK, reads=1500)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_tiny_bert(tmp_path_factory.mktemp("weights") / "base")


@pytest.fixture(scope="module")
def encoder(base: Path) -> SentenceEncoder:
    return SentenceEncoder(base, threads=1)


def tuned(base: Path, recipe: TaggerRecipe = QUICK) -> Tuned:
    torch.manual_seed(recipe.seed)
    return Tuned(TaggerBody(base, recipe))


def conll(path: Path, rows: list[Sentence]) -> Path:
    blocks = ["\n".join(f"{word} {tag}" for word, tag in zip(row.words, row.tags, strict=True)) for row in rows]
    path.write_text("\n\n".join(blocks) + "\n")
    return path


def test_the_crf_weighs_sequences_as_adding_them_all_up_does() -> None:
    torch.manual_seed(1)
    crf = Crf(["O", "B-A", "I-A"])
    with torch.no_grad():
        for parameter in crf.parameters():
            parameter.normal_().requires_grad_(False)
    scores = torch.randn(1, 4, 3)

    def weight(path: tuple[int, ...]) -> float:
        total = crf.first[path[0]] + crf.last[path[-1]] + sum(scores[0, i, tag] for i, tag in enumerate(path))
        return float(torch.exp(total + sum(crf.moves[a, b] for a, b in pairwise(path))))

    everything = sum(weight(path) for path in product(range(3), repeat=4))
    for path in ((0, 1, 2, 0), (1, 1, 0, 0)):
        loss = float(crf.loss(scores, torch.tensor([path]), torch.ones(1, 4, dtype=torch.bool)))
        assert loss == pytest.approx(-np.log(weight(path) / everything), abs=1e-4)


def test_what_stands_beside_a_shorter_sentence_changes_nothing() -> None:
    torch.manual_seed(2)
    crf, scores, tags = Crf(["O", "B-A", "I-A"]), torch.randn(2, 5, 3), torch.tensor([[0, 1, 2, 0, 1], [1, 0, 0, 0, 0]])
    there = torch.arange(5) < torch.tensor([[5], [2]])
    alone = [crf.loss(scores[i : i + 1, :n], tags[i : i + 1, :n], there[i : i + 1, :n]) for i, n in ((0, 5), (1, 2))]
    together = float(crf.loss(scores, tags, there).detach())
    assert together == pytest.approx(float(torch.stack(alone).mean().detach()), abs=1e-5)


def test_the_head_and_the_tagger_made_of_it_score_alike() -> None:
    torch.manual_seed(3)
    head = TaggerHead(("O", "B-A", "I-A"), width=6, hidden=5, dropout=0.3).eval()
    words = ["Where", "is", "MG-10234", "?"]
    states, shapes = torch.randn(2, 4, 6), torch.from_numpy(np.stack([shapes_of(words)] * 2))
    there = torch.arange(4) < torch.tensor([[4], [3]])
    scores = head(states, shapes, there).detach().numpy()
    tagger = head.tagger()
    for row, length in ((0, 4), (1, 3)):
        mine = tagger.scores(states[row, :length].numpy(), shapes_of(words)[:length])
        assert np.allclose(mine, scores[row, :length], atol=1e-5)


@pytest.mark.parametrize("frozen_layers", [0, 1])
def test_a_tuned_tagger_finds_names_it_never_saw(base: Path, frozen_layers: int) -> None:
    recipe = replace(QUICK, frozen_layers=frozen_layers)
    learnt = learn_tagger(tuned(base, recipe), sentences(90), sentences(30, seed=4), recipe)
    assert learnt.dev_f1 > 0.9
    tags = learnt.tag([("where", "is", "Wilhelmina", "please"), ("money", "back", "please")])
    assert tags == [["O", "O", "B-PERSON", "O"], ["B-PRODUCT", "I-PRODUCT", "O"]]


def test_equal_seeds_give_equal_taggers_also_across_a_kill(base: Path, tmp_path: Path) -> None:
    class Killed(Exception):
        pass

    def kill(at: int) -> Callable[[int, int, float], None]:
        def told(done: int, *_: object) -> None:
            if done == at:
                raise Killed

        return told

    rows, dev, recipe = sentences(40), sentences(12, seed=4), replace(QUICK, reads=120)
    whole = learn_tagger(tuned(base), rows, dev, recipe).tagger.to_bytes()
    with pytest.raises(Killed):
        learn_tagger(tuned(base), rows, dev, recipe, checkpoint=tmp_path, told=kill(5))
    assert learn_tagger(tuned(base), rows, dev, recipe, checkpoint=tmp_path).tagger.to_bytes() == whole


def test_a_sentence_longer_than_the_model_is_read_in_parts(base: Path) -> None:
    reads = tuned(base)
    words = ["order"] * 50
    parts = reads.prepare([words, ["late"]])
    assert [(part.sentence, part.start, len(part.shapes)) for part in parts] == [
        (0, 0, 22),
        (0, 22, 22),
        (0, 44, 6),
        (1, 0, 1),
    ]
    learnt = learn_tagger(reads, [*sentences(20), Sentence(tuple(words), ("O",) * 50)], (), replace(QUICK, reads=21))
    assert len(learnt.tag([words])[0]) == 50


def test_the_light_tagger_reads_raw_text_by_the_encoder_of_the_bundle(encoder: SentenceEncoder, tmp_path: Path) -> None:
    made = learn_entities(conll(tmp_path / "train.conll", sentences(90)), encoder, str, seed=1, recipe=LIGHT)
    assert made.metrics["entity_f1"] > 0.9
    tagger = EncoderTagger(Tagger.from_bytes(made.files[FILE]), encoder)
    text = "where is my money back please, Wilhelmina"
    found = tagger.read([text, ""])
    assert [(m.kind, text[m.start : m.end]) for m in found[0]] == [("PRODUCT", "money back"), ("PERSON", "Wilhelmina")]
    assert all(0.5 < mention.probability <= 1 for mention in found[0])
    assert found[1] == []


def test_an_encoder_that_outlives_its_folder_still_reads_with_a_newer_tagger(
    encoder: SentenceEncoder, tmp_path: Path
) -> None:
    """A bundle that is taken up brings the same encoder in a folder of its own; the first one may be pruned."""
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        shutil.copytree(encoder.folder, folder)
    outlives = SentenceEncoder(first, threads=1)
    shutil.rmtree(first)
    made = learn_entities(conll(tmp_path / "train.conll", sentences(90)), encoder, str, seed=1, recipe=LIGHT)
    tagger = EncoderTagger(Tagger.from_bytes(made.files[FILE]), outlives, second)
    assert tagger.read(["where is my money back please, Wilhelmina"])[0]


def test_a_masked_sentence_keeps_the_tags_of_what_is_left() -> None:
    sentence = Sentence(
        ("to", "12", "Kade", "Cork", "for", "Ada"), ("O", "B-ADDRESS", "I-ADDRESS", "I-ADDRESS", "O", "B-PERSON")
    )
    masked = masked_sentence(sentence, lambda text: text.replace("12 Kade", "[ADDRESS]"))
    assert masked == Sentence(("to", "[ADDRESS]", "Cork", "for", "Ada"), ("O", "O", "B-ADDRESS", "O", "B-PERSON"))
    assert masked_sentence(sentence, str) is None


def test_joined_sentences_read_as_a_letter_does() -> None:
    rows = [Sentence(("hi",), ("O",)), Sentence(("femke", "here", "!"), ("B-PERSON", "O", "O"))]
    joined = with_joined(rows, seed=1)
    assert joined[:2] == rows
    assert joined[2] in (
        Sentence(("hi", ".", "Femke", "here", "!"), ("O", "O", "B-PERSON", "O", "O")),
        Sentence(("femke", "here", "!", "Hi"), ("B-PERSON", "O", "O", "O")),
    )


def test_too_little_to_learn_from_is_refused(encoder: SentenceEncoder, tmp_path: Path) -> None:
    with pytest.raises(BadLabels, match="holds 20 sentences; entities need at least"):
        learn_entities(conll(tmp_path / "few.conll", sentences(20)), encoder, str, seed=1)
    with pytest.raises(BadLabels, match="hold no entity"):
        learn_tagger(Frozen(encoder), [Sentence(("hi",), ("O",))], (), LIGHT)
    with pytest.raises(BadLabels, match="too few to hold"):
        split([Sentence(("Ada",), ("B-PERSON",)), Sentence(("hi",), ("O",))], LIGHT)


def test_the_bench_opens_the_test_file_last(base: Path, tmp_path: Path) -> None:
    train, test = conll(tmp_path / "train.conll", sentences(60)), tmp_path / "missing.conll"
    opened: list[int] = []

    def told(done: int, steps: int, _: float) -> None:
        opened.append(done)
        if done == steps:
            conll(test, sentences(30, seed=9))

    report = bench_entities(base, train, None, test, seeds=2, recipe=replace(QUICK, reads=240), told=told)
    assert opened
    assert report["seeds"] == 2
    assert set(report["by_kind"]) == {"PERSON", "PRODUCT"}
    assert {"entity_f1", "token_micro_f1", "token_macro_f1", "entity_f1_std", "train_s", "ms_per_sentence"} <= set(
        report
    )


def test_tags_are_those_of_the_kinds_there_are() -> None:
    assert tags_of(sentences(40)) == ("O", "B-PERSON", "I-PERSON", "B-PRODUCT", "I-PRODUCT")
    assert chunks_of(sentences(40)[0].tags)
