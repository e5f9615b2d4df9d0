"""Help-centre pages to pieces: title, heading, and about 40 to 120 words that can be quoted on their own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from retrieval.cleaning import CJK, clean

MIN_WORDS = 40
_SENTENCE = re.compile(r"(?<=[.!?…])\s+(?=[\"'(\[]?[A-Z0-9À-ÖØ-Þ])|(?<=[。！？])")
_FRONT_MATTER = re.compile(r"\A---\s*\n(.*?)\n---\s*(?:\n|\Z)", re.DOTALL)
_FRONT_TITLE = re.compile(r"^title:\s*[\"']?(.+?)[\"']?\s*$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of an article: the article's title, the heading it stands under ("" before the first), its text."""

    title: str
    heading: str
    text: str

    @property
    def place(self) -> str:
        """Where it stands: "title > heading"."""
        return f"{self.title} > {self.heading}" if self.heading else self.title


@dataclass(frozen=True, slots=True)
class Block:
    """A heading (level 1 to 6) or a paragraph, list item or table row (level 0)."""

    level: int
    text: str


def read_article(path: Path, *, max_words: int = 120) -> list[Piece]:
    """Return the pieces of a Markdown or HTML page, in order.

    Raises ValueError with a reason if the page is not UTF-8 or holds no text.
    """
    try:
        source = path.read_text("utf-8-sig")
    except UnicodeDecodeError as error:
        raise ValueError(f"not UTF-8 (byte {error.start})") from None
    named, blocks = _html_blocks(source) if path.suffix.lower() in (".html", ".htm") else _markdown_blocks(source)
    pieces = cut(blocks, named or path.stem.replace("-", " ").replace("_", " "), max_words=max_words)
    if not pieces:
        raise ValueError("holds no text below its headings")
    return pieces


def cut(blocks: list[Block], fallback_title: str, *, max_words: int = 120) -> list[Piece]:
    """Cut blocks into pieces: never across a heading, and between paragraphs or sentences wherever that is enough.

    A level-1 heading is the title; deeper headings are joined with " > ". A last piece shorter than 40 words joins the
    one before it if both stand under the same heading and stay within a quarter above `max_words`.
    """
    title, path = fallback_title, ["", "", "", "", ""]
    pieces: list[Piece] = []
    gathered: list[str] = []

    def close() -> None:
        heading = " > ".join(part for part in path if part)
        pieces.extend(Piece(title, heading, text) for text in _group(gathered, max_words))
        gathered.clear()

    for block in blocks:
        if block.level == 0:
            gathered.append(block.text)
            continue
        close()
        if block.level == 1:
            title = block.text
        path[max(0, block.level - 2) :] = ["" if block.level == 1 else block.text, *[""] * (6 - max(2, block.level))]
    close()
    return pieces


def word_count(text: str) -> int:
    """Count words; two Chinese characters count as one word."""
    return len(text.split()) + len(CJK.findall(text)) // 2


def sentences(text: str) -> list[str]:
    """Split text at the ends of sentences; lines are kept apart."""
    return [part.strip() for line in text.split("\n") for part in _SENTENCE.split(line) if part.strip()]


def _group(paragraphs: list[str], max_words: int) -> list[str]:
    groups: list[list[str]] = []
    size = 0
    for part in _small_enough(paragraphs, max_words):
        words = word_count(part)
        if not groups or size + words > max_words:
            groups.append([])
            size = 0
        groups[-1].append(part)
        size += words
    texts = ["\n".join(group) for group in groups]
    if len(texts) > 1 and word_count(texts[-1]) < MIN_WORDS:
        joined = f"{texts[-2]}\n{texts[-1]}"
        if word_count(joined) <= max_words * 5 // 4:
            texts[-2:] = [joined]
    return texts


def _small_enough(paragraphs: list[str], max_words: int) -> Iterator[str]:
    """Yield paragraphs, those too long cut between sentences, and endless sentences between words."""
    for paragraph in paragraphs:
        if word_count(paragraph) <= max_words:
            yield paragraph
            continue
        part: list[str] = []
        for sentence in sentences(paragraph):
            if part and word_count(" ".join([*part, sentence])) > max_words:
                yield " ".join(part)
                part = []
            words = sentence.split()
            while len(words) > max_words:
                yield " ".join(words[:max_words])
                words = words[max_words:]
            part.append(" ".join(words))
        if part:
            yield " ".join(part)


def _markdown_blocks(source: str) -> tuple[str, list[Block]]:
    from markdown_it import MarkdownIt

    front = _FRONT_MATTER.match(source)
    named = _FRONT_TITLE.search(front[1]) if front else None
    blocks: list[Block] = []
    level, row = 0, list[str]()
    in_row = False
    for token in (
        MarkdownIt("commonmark", {"html": True}).enable("table").parse(source[front.end() :] if front else source)
    ):
        match token.type:
            case "heading_open":
                level = int(token.tag[1])
            case "heading_close":
                level = 0
            case "tr_open":
                in_row = True
            case "tr_close":
                blocks.append(Block(0, " | ".join(row)))
                row, in_row = [], False
            case "inline":
                text = clean("".join(_inline(token)))
                if in_row:
                    row.append(text)
                elif text:
                    blocks.append(Block(level, text))
            case "fence" | "code_block":
                blocks.append(Block(0, clean(token.content)))
            case "html_block":
                blocks += _html_blocks(token.content)[1]
    return (clean(named[1]) if named else ""), [block for block in blocks if block.text]


def _inline(token: object) -> Iterator[str]:
    for child in getattr(token, "children", None) or []:
        if child.type in ("softbreak", "hardbreak"):
            yield " "
        elif child.type in ("text", "code_inline", "image"):
            yield child.content


def _html_blocks(source: str) -> tuple[str, list[Block]]:
    from bs4 import BeautifulSoup, Comment

    soup = BeautifulSoup(source, "html.parser")
    named = clean(soup.title.get_text(" ")) if soup.title else ""
    for tag in soup.find_all(
        ["script", "style", "nav", "header", "footer", "aside", "form", "noscript", "template", "head"]
    ):
        if tag.name != "header" or not tag.find("h1"):
            tag.decompose()
    for comment in soup.find_all(string=lambda text: isinstance(text, Comment)):
        comment.extract()
    for tag in soup.find_all("br"):
        tag.replace_with(" ")
    body = soup.find("main") or soup.find("article") or soup.body or soup
    blocks: list[Block] = []
    own = ["h1", "h2", "h3", "h4", "h5", "h6", "p", "li", "tr", "pre", "dt", "dd", "blockquote", "figcaption"]
    for tag in body.find_all(own):
        if tag.find(own):  # its inner blocks speak for it; words between them are its own
            text = " ".join(part.strip() for part in tag.find_all(string=True, recursive=False) if part.strip())
        else:
            cells = tag.find_all(["td", "th"]) if tag.name == "tr" else [tag]
            text = " | ".join(" ".join(cell.get_text().split()) for cell in cells)
        text = clean(" ".join(text.split()))
        if text:
            blocks.append(Block(int(tag.name[1]) if re.fullmatch(r"h[1-6]", tag.name) else 0, text))
    if not blocks:
        blocks = [Block(0, clean(line)) for line in body.get_text("\n").splitlines() if line.strip()]
    return named, blocks
