"""Pages to pieces that can be quoted on their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from retrieval.articles import Piece, read_article, word_count


def pieces(tmp_path: Path, source: str, name: str = "page-one.md", **options: int) -> list[Piece]:
    path = tmp_path / name
    path.write_text(source, "utf-8")
    return read_article(path, **options)


def test_title_and_headings_say_where_a_piece_stands(tmp_path: Path) -> None:
    found = pieces(
        tmp_path, "# Returns\n\nFirst.\n\n## Pots\n\nSecond.\n\n### Big ones\n\nThird.\n\n## Plants\n\nFourth."
    )
    assert [(p.place, p.text) for p in found] == [
        ("Returns", "First."),
        ("Returns > Pots", "Second."),
        ("Returns > Pots > Big ones", "Third."),
        ("Returns > Plants", "Fourth."),
    ]


def test_marks_of_the_markup_are_gone_and_lists_and_tables_stay_words(tmp_path: Path) -> None:
    [piece] = pieces(
        tmp_path, "# T\n\n**Bold** [link](http://x.example)\n\n* one\n* two\n\n| a | b |\n|---|---|\n| 1 | 2 |\n"
    )
    assert piece.text == "Bold link\none\ntwo\na | b\n1 | 2"


def test_html_reads_like_markdown_without_its_furniture(tmp_path: Path) -> None:
    source = """<html><head><title>Shop</title><style>p{}</style></head><body><nav>Menu</nav><main><h1>Returns</h1>
    <p>First &amp; <b>foremost</b>.</p><h2>Pots</h2><ul><li>one</li><li>two</li></ul><script>alert(1)</script></main>
    <footer>Imprint</footer></body></html>"""
    assert [(p.place, p.text) for p in pieces(tmp_path, source, "p.html")] == [
        ("Returns", "First & foremost."),
        ("Returns > Pots", "one\ntwo"),
    ]


def test_a_page_without_a_title_takes_the_name_of_its_file(tmp_path: Path) -> None:
    assert pieces(tmp_path, "Just words.")[0].title == "page one"
    assert pieces(tmp_path, "---\ntitle: Named\n---\nJust words.")[0].title == "Named"


def test_no_piece_is_much_longer_than_asked_and_no_word_is_lost(tmp_path: Path) -> None:
    sentences = [f"Sentence {n} has exactly six words." for n in range(100)]
    found = pieces(tmp_path, "# T\n\n" + " ".join(sentences[:50]) + "\n\n" + "\n\n".join(sentences[50:]), max_words=60)
    assert all(word_count(p.text) <= 75 for p in found)
    assert all(word_count(p.text) >= 40 for p in found)
    assert " ".join(" ".join(p.text for p in found).split()) == " ".join(sentences)


def test_an_endless_sentence_is_cut_between_words(tmp_path: Path) -> None:
    found = pieces(tmp_path, "# T\n\n" + "word " * 1000)
    assert max(word_count(p.text) for p in found) <= 150
    assert sum(word_count(p.text) for p in found) == 1000


@pytest.mark.parametrize("source", ["", "# Only a title\n\n## And a heading\n", "<!-- nothing -->"])
def test_a_page_without_text_is_refused(tmp_path: Path, source: str) -> None:
    with pytest.raises(ValueError, match="no text"):
        pieces(tmp_path, source)


def test_a_page_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "p.md"
    path.write_bytes(b"# Gr\xfc\xdfe")
    with pytest.raises(ValueError, match="not UTF-8"):
        read_article(path)
