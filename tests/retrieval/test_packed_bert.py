"""The packed forward pass against its slower twin, the library's own, on a tiny BERT made here and on the real one."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from retrieval.encoder import SentenceEncoder
from retrieval.packed_bert import PackedBert, plain_bert

WORDS = ["where", "is", "my", "order", "fern", "pot", "does", "it", "ship", "to", "denmark", "please", "thank"]
WORDS += ["you", "a", "the", "and", "of", "on"]
TEXTS = ["where is my order", "fern", "does the fern ship to denmark and is it on the pot of order please", "thank you"]


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A BERT of two layers with random weights, saved as sentence-transformers saves one."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("tiny-bert")
    vocab = {word: number for number, word in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", *WORDS])}
    tokenizer = Tokenizer(models.WordPiece(vocab, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    torch.manual_seed(7)
    config = BertConfig(
        vocab_size=len(vocab), hidden_size=32, num_hidden_layers=2, num_attention_heads=4, intermediate_size=64,
        max_position_embeddings=24,
    )  # fmt: skip
    model = BertModel(config, add_pooling_layer=False).eval()
    with torch.no_grad():
        for weight in model.parameters():  # the default spread makes every text look alike
            weight.add_(torch.randn_like(weight) * 0.2)
    model.save_pretrained(folder)
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    modules = [
        {"idx": number, "name": str(number), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for number, (kind, path) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    (folder / "1_Pooling" / "config.json").write_text(
        json.dumps({"word_embedding_dimension": 32, "pooling_mode_mean_tokens": True})
    )
    (folder / "sentence_bert_config.json").write_text(json.dumps({"max_seq_length": 12}))
    return folder


def packed(folder: Path) -> PackedBert:
    shape = plain_bert(folder)
    assert shape is not None
    return PackedBert(folder, shape, torch.float32)


def test_texts_of_different_lengths_give_what_the_library_gives(tiny: Path) -> None:
    from transformers import BertModel

    ours = packed(tiny)
    ids = ours.tokenize(TEXTS)
    library = BertModel.from_pretrained(tiny, add_pooling_layer=False).eval()
    with torch.inference_mode():
        expected = [library(torch.tensor([row])).last_hidden_state[0].mean(0).numpy() for row in ids]
    assert np.allclose(ours.forward(ids), np.stack(expected), atol=1e-5)


def test_a_text_is_the_same_alone_and_in_company(tiny: Path) -> None:
    ours = packed(tiny)
    ids = ours.tokenize(TEXTS)
    alone = np.concatenate([ours.forward([row]) for row in ids])
    assert np.allclose(ours.forward(ids), alone, atol=1e-5)
    assert np.abs(alone[0] - alone[1]).max() > 0.1, "the tiny model tells texts apart"


def test_a_text_longer_than_the_model_is_cut_with_its_end_marked(tiny: Path) -> None:
    ids = packed(tiny).tokenize(["fern " * 50])[0]
    assert len(ids) == 12
    assert (ids[0], ids[-1]) == (2, 3)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("config.json", {"hidden_act": "relu"}),
        ("config.json", {"model_type": "roberta"}),
        ("config.json", {"position_embedding_type": "relative_key"}),
        ("1_Pooling/config.json", {"pooling_mode_cls_token": True}),
    ],
)
def test_any_other_model_is_left_to_the_library(
    tiny: Path, tmp_path: Path, name: str, change: dict[str, object]
) -> None:
    import shutil

    other = tmp_path / "other"
    shutil.copytree(tiny, other)
    (other / name).write_text(json.dumps(json.loads((other / name).read_text()) | change))
    assert plain_bert(other) is None


@pytest.mark.weights
def test_the_real_encoder_agrees_with_sentence_transformers(weights: Path) -> None:
    texts = [*TEXTS, "Läuft der Versand nach Österreich?", "价格", "", "a" * 2000]
    ours = SentenceEncoder(weights / "minilm", device="cpu").encode(texts)
    library = SentenceEncoder(weights / "minilm", device="cpu", packed=False).encode(texts)
    assert (ours * library).sum(axis=1).min() > 0.9999
