"""A page that shows annotated images: the box of every person over the image, the texts beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from urllib.parse import quote

from PIL import Image

from omnisense.benchmarks.herm.engine.annotations import ASPECTS, XYWH, ImageAnnotation, PersonAnnotation
from omnisense.files import write_atomically
from omnisense.perception.images.scene import load_image

_COLORS = (
    "#e6194b",
    "#3cb44b",
    "#4363d8",
    "#f58231",
    "#911eb4",
    "#008080",
    "#9a6324",
    "#808000",
    "#e632f0",
    "#1f77b4",
)
_THUMBNAIL_SIDE = 480
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;color:#222;background:#fbfbf8;max-width:1200px;margin:0 auto;padding:20px}
section{display:grid;grid-template-columns:minmax(280px,480px) 1fr;gap:20px;border-top:1px solid #ddd;padding:18px 0}
.picture{position:relative;align-self:start}.picture img{width:100%;display:block}
.picture svg{position:absolute;inset:0;width:100%;height:100%}
rect{fill:transparent;stroke-width:2;vector-effect:non-scaling-stroke}
rect.part{stroke-dasharray:4 3;opacity:0}details{border-left:4px solid;padding:2px 10px;margin:5px 0;background:#fff}
details small,.muted{color:#666}p{margin:4px 0}mark{background:#eef3d8}
section:has(details:hover) rect{opacity:.12}@media(max-width:800px){section{grid-template-columns:1fr}}
"""


def write_viewer(
    folder: Path,
    title: str,
    paths: Mapping[str, Path],
    annotated: Iterable[tuple[ImageAnnotation, Sequence[PersonAnnotation]]],
) -> None:
    """Write ``viewer.html`` to a run folder, and thumbnails of its images to ``thumbs``.

    Args:
        folder: the run folder.
        title: the heading.
        paths: the image files by id.
        annotated: annotations of an image and of its people.
    """
    sections, styles = [], []
    first = 0  # people are numbered: annotations choose their ids, which must not become part of the page
    for image, people in annotated:
        _write_thumbnail(paths.get(image.image_id), folder / "thumbs" / f"{image.image_id}.jpg")
        sections.append(_section(image, people, first))
        styles += [f"section:has(#d{n}:hover) .b{n}{{opacity:1}}" for n in range(first, first + len(people))]
        first += len(people)
    title = escape(title)
    head = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}{''.join(styles)}</style>"
    hint = f"<p class=muted>{len(sections)} annotated images. Hover over a person's texts to highlight the person.</p>"
    write_atomically(folder / "viewer.html", f"{head}<h1>{title}</h1>{hint}{''.join(sections)}\n")


def _write_thumbnail(path: Path | None, thumbnail: Path) -> None:
    if path is None or thumbnail.is_file():
        return
    small = Image.fromarray(load_image(path))
    small.thumbnail((_THUMBNAIL_SIDE, _THUMBNAIL_SIDE))
    thumbnail.parent.mkdir(exist_ok=True)
    small.save(thumbnail, quality=80)


def _section(image: ImageAnnotation, people: Sequence[PersonAnnotation], first: int) -> str:
    """Return an image with its people, who are numbered from ``first``."""
    shapes, texts = [], []
    for i, person in enumerate(people):
        color, name = _COLORS[i % len(_COLORS)], str(first + i)
        shapes.append(_rect(person.bbox, color, f"b{name}"))
        for boxes in person.appearance_boxes.values():
            shapes += [_rect(box, color, f"part b{name}") for box in boxes]
        texts.append(_person(person, color, name))
    picture = (
        f"<div class=picture><img loading=lazy alt='' src='thumbs/{quote(image.image_id)}.jpg'>"
        f"<svg viewBox='0 0 {image.width} {image.height}' preserveAspectRatio=none>{''.join(shapes)}</svg></div>"
    )
    reason = escape("; ".join(image.missing.values()))
    caption = _highlight(image.dense_caption) or f"<span class=muted>{reason}</span>"
    return f"<section>{picture}<div><b>{escape(image.image)}</b><p>{caption}</p>{''.join(texts)}</div></section>"


def _person(person: PersonAnnotation, color: str, name: str) -> str:
    expressions = "; ".join(map(escape, person.referring_expressions))
    reason = escape(person.missing.get("referring_expressions", ""))
    summary = expressions or f"<i class=muted>no referring expression: {reason}</i>"
    texts = []
    for aspect in ASPECTS:
        if text := person.text(aspect):
            source = escape(person.source.get(aspect, ""))
            texts.append(f"<p><b>{aspect}</b> {_highlight(text)} <small>{source}</small></p>")
        else:
            texts.append(f"<p class=muted>{aspect}: {escape(person.missing.get(aspect, ''))}</p>")
    opened = " open" if person.appearance or person.pose or person.modality else ""
    start = f"<details{opened} id='d{name}' style='border-color:{color}'>"
    return f"{start}<summary>{summary}</summary>{''.join(texts)}</details>"


def _highlight(text: str) -> str:
    """Return a text as HTML, its grounded phrases highlighted."""
    return escape(text).replace("&lt;p&gt;", "<mark>").replace("&lt;/p&gt;", "</mark>")


def _rect(box: XYWH, color: str, kind: str) -> str:
    x, y, w, h = box
    return f"<rect class='{kind}' x={x} y={y} width={w} height={h} stroke='{color}'/>"
