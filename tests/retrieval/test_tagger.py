"""The tagger in numpy against adding up every sequence, and what goes in and out of it."""

from dataclasses import replace
from itertools import pairwise, product
from pathlib import Path

import numpy as np
import pytest

from retrieval.errors import TaggerError
from retrieval.remask import mask_mentions
from retrieval.tagger import NEVER, Alignment, Mention, Tagger
from retrieval.word_shapes import TABLES, shapes_of, words_of

TAGS = ("O", "B-PERSON", "I-PERSON")
WIDTH = 4


def made(seed: int = 1) -> Tagger:
    """A tagger of random numbers that never begins with I- nor goes on with it after O."""
    rng = np.random.default_rng(seed)

    def random(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    tables = tuple(random(rows, 3) for rows in TABLES.values())
    moves, first = random(3, 3), random(3)
    moves[0, 2] = first[2] = NEVER
    seen = 3 * (WIDTH + 3 * len(TABLES))
    return Tagger(TAGS, tables, random(seen, 6), random(6), random(6, 3), random(3), moves, first, random(3))


def weight(tagger: Tagger, scores: np.ndarray, path: tuple[int, ...]) -> float:
    total = tagger.first[path[0]] + tagger.last[path[-1]] + sum(scores[i, tag] for i, tag in enumerate(path))
    return float(np.exp(total + sum(tagger.moves[a, b] for a, b in pairwise(path))))


@pytest.mark.parametrize("seed", range(6))
def test_the_likeliest_sequence_is_that_of_all_sequences(seed: int) -> None:
    tagger, scores = made(seed), np.random.default_rng(seed).normal(size=(5, 3)).astype(np.float32) * 2
    best = max(product(range(3), repeat=5), key=lambda path: weight(tagger, scores, path))
    assert tagger.tag(scores) == [TAGS[tag] for tag in best]


def test_an_entity_is_as_likely_as_the_sequences_that_hold_it() -> None:
    tagger, scores = made(), np.random.default_rng(4).normal(size=(5, 3)).astype(np.float32)
    paths = list(product(range(3), repeat=5))
    everything = sum(weight(tagger, scores, path) for path in paths)
    held = sum(weight(tagger, scores, path) for path in paths if path[1:3] == (1, 2) and path[3] != 2)
    assert tagger.probability(scores, 1, ["B-PERSON", "I-PERSON"]) == pytest.approx(held / everything, rel=1e-4)


def test_what_speaks_for_a_word_depends_on_its_neighbours_alone() -> None:
    tagger, states = made(), np.random.default_rng(5).normal(size=(6, WIDTH)).astype(np.float32)
    shapes = shapes_of(["Hi", "Ada", ",", "any", "news", "?"])
    whole = tagger.scores(states, shapes)
    assert np.allclose(tagger.scores(states[:4], shapes[:4])[:3], whole[:3], atol=1e-5)
    assert not np.allclose(tagger.scores(states[:4], shapes[:4])[3], whole[3])


def test_a_saved_tagger_is_read_back_in_half_precision() -> None:
    tagger, states = made(), np.ones((2, WIDTH), np.float32)
    again = Tagger.from_bytes(tagger.to_bytes())
    assert again.tags == TAGS
    assert again.kinds == ("PERSON",)
    shapes = shapes_of(["Ada", "Lindqvist"])
    assert np.allclose(again.scores(states, shapes), tagger.scores(states, shapes), atol=0.05)
    assert again.to_bytes() == tagger.to_bytes()


@pytest.mark.parametrize(
    "raw", [b"", b"no tagger", made().to_bytes()[:-40], made().to_bytes().replace(b": 1,", b": 9,")]
)
def test_a_damaged_tagger_is_refused_with_a_sentence(raw: bytes) -> None:
    with pytest.raises(TaggerError, match="run `nightdesk train` again"):
        Tagger.from_bytes(raw)


def test_parts_that_do_not_fit_are_refused() -> None:
    with pytest.raises(TaggerError, match="fit together"):
        replace(made(), out=np.zeros((5, 3), np.float32))
    with pytest.raises(TaggerError, match="fit together"):
        replace(made(), first=np.array([0, np.nan, 0], np.float32))


def test_words_keep_names_numbers_and_placeholders_whole() -> None:
    text = "Jean-Luc O'Malley's [ORDER], €12.50 on 3/4; mail x.y@z.example @moss #fern!"
    assert [word.text for word in words_of(text)] == [
        "Jean-Luc", "O'Malley", "'s", "[ORDER]", ",", "€", "12.50", "on", "3/4", ";", "mail", "x.y@z.example", "@moss",
        "#fern", "!",
    ]  # fmt: skip
    assert all(text[word.start : word.end] == word.text for word in words_of(text))


def test_capitals_show_in_the_shapes_and_row_zero_is_kept_free() -> None:
    shouted, written, small = (shapes_of([word, "order"]) for word in ("ADA", "Ada", "ada"))
    assert len({int(shapes[0, 0]) for shapes in (shouted, written, small)}) == 3
    assert (written[0] != small[0]).sum() >= 3
    assert written[0, 2] == small[0, 2] != written[1, 2]  # listed either way
    everything = shapes_of(
        ["Ada", "?", "12", "a1", "1a", "iPhone", "@me", "#it", "www.x.de", "X", "中文", "3/4", "ÉTÉ"]
    )
    assert everything.min() >= 1
    assert all(everything[:, place].max() < rows for place, rows in enumerate(TABLES.values()))
    assert shapes_of([]).shape == (0, len(TABLES))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocab = {"[UNK]": 0, "where": 1, "is": 2, "mons": 3, "##tera": 4, "?": 5}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    return tmp_path


def test_a_word_has_the_mean_of_its_tokens(folder: Path) -> None:
    rows = np.arange(10, dtype=np.float32).reshape(5, 2)  # where is mons ##tera ?
    words, states = Alignment(folder).words("where is  monstera?", rows)
    assert [word.text for word in words] == ["where", "is", "monstera", "?"]
    assert states.tolist() == [[0, 1], [2, 3], [5, 6], [8, 9]]
    assert Alignment(folder).states_of(["where", "is", "monstera", "?"], rows).tolist() == states.tolist()


def test_words_beyond_the_encoders_length_are_left_out(folder: Path) -> None:
    words, states = Alignment(folder).words("where is monstera ?", np.ones((2, 2), np.float32))
    assert [word.text for word in words] == ["where", "is"]
    assert len(states) == 2
    assert Alignment(folder).words("", np.zeros((0, 2), np.float32))[0] == []


def test_an_encoder_without_a_fast_tokenizer_is_refused(tmp_path: Path) -> None:
    with pytest.raises(TaggerError, match=r"no tokenizer\.json"):
        Alignment(tmp_path)


def test_people_and_addresses_are_masked_where_they_are_likely() -> None:
    text = "I am Wiebke, Kade 4, about the fern for Rose and [NAME] X"

    def mention(kind: str, said: str, probability: float = 0.9) -> Mention:
        start = text.index(said)
        return Mention(kind, start, start + len(said), probability)

    mentions = [
        mention("PERSON", "Wiebke"), mention("ADDRESS", "Kade 4"), mention("PRODUCT", "fern"),
        mention("PERSON", "Rose", 0.3), mention("PERSON", "[NAME] X"),
    ]  # fmt: skip
    assert mask_mentions(text, mentions) == "I am [NAME], [ADDRESS], about the fern for Rose and [NAME] X"
