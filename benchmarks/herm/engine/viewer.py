"""One page that shows annotated pictures: every person's box over the picture, their texts beside it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from PIL import Image

from omnisense.files import write_atomically
from omnisense.perception.images.scene import load_image

_COLOURS = (
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
_THUMB_SIDE = 480
_TEXTS = ("appearance", "pose", "modality", "relation")
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
Row = dict[str, Any]


def write_viewer(
    folder: Path, title: str, paths: Mapping[str, Path], annotated: Iterable[tuple[Row, Sequence[Row]]]
) -> None:
    """Write ``viewer.html`` into a run folder, and small copies of the pictures that it shows into ``thumbs``.

    Args:
        folder: of the run.
        title: the heading.
        paths: of the pictures, by their ids.
        annotated: a picture's row and those of its people.
    """
    sections, styles = [], []
    for image, people in annotated:
        _write_thumb(paths.get(image["image_id"]), folder / "thumbs" / f"{image['image_id']}.jpg")
        sections.append(_section(image, people))
        styles += [f"section:has(#d{p['instance_id']}:hover) .b{p['instance_id']}{{opacity:1}}" for p in people]
    title = escape(title)
    head = f"<!doctype html><meta charset=utf-8><title>{title}</title><style>{_STYLE}{''.join(styles)}</style>"
    told = f"<p class=muted>{len(sections)} annotated pictures. Hover over a person's texts to see whose they are.</p>"
    write_atomically(folder / "viewer.html", f"{head}<h1>{title}</h1>{told}{''.join(sections)}\n")


def _write_thumb(picture: Path | None, thumb: Path) -> None:
    if picture is None or thumb.is_file():
        return
    small = Image.fromarray(load_image(picture))
    small.thumbnail((_THUMB_SIDE, _THUMB_SIDE))
    thumb.parent.mkdir(exist_ok=True)
    small.save(thumb, quality=80)


def _section(image: Row, people: Sequence[Row]) -> str:
    shapes, texts = [], []
    for i, person in enumerate(people):
        colour, name = _COLOURS[i % len(_COLOURS)], escape(str(person["instance_id"]))
        shapes.append(_rect(person["bbox"], colour, f"b{name}"))
        for boxes in person["appearance_boxes"].values():
            shapes += [_rect(box, colour, f"part b{name}") for box in boxes]
        texts.append(_person(person, colour, name))
    view = f"0 0 {image['width']} {image['height']}"
    picture = (
        f"<div class=picture><img loading=lazy alt='' src='thumbs/{escape(image['image_id'])}.jpg'>"
        f"<svg viewBox='{view}' preserveAspectRatio=none>{''.join(shapes)}</svg></div>"
    )
    caption = _marked(image["dense_caption"]) or f"<span class=muted>{escape(str(image['missing']))}</span>"
    return f"<section>{picture}<div><b>{escape(image['image'])}</b><p>{caption}</p>{''.join(texts)}</div></section>"


def _person(person: Row, colour: str, name: str) -> str:
    phrases = "; ".join(map(escape, person["refer"])) or f"<i class=muted>not named: {_why(person, 'refer')}</i>"
    said = [
        f"<p><b>{aspect}</b> {_marked(person[aspect])} <small>{escape(person['source'].get(aspect, ''))}</small></p>"
        if person[aspect]
        else f"<p class=muted>{aspect}: {_why(person, aspect)}</p>"
        for aspect in _TEXTS
    ]
    opened = " open" if any(person[aspect] for aspect in _TEXTS[:3]) else ""
    start = f"<details{opened} id='d{name}' style='border-color:{colour}'>"
    return f"{start}<summary>{phrases}</summary>{''.join(said)}</details>"


def _why(person: Row, key: str) -> str:
    return escape(person["missing"].get(key, ""))


def _marked(text: str) -> str:
    return escape(text).replace("&lt;p&gt;", "<mark>").replace("&lt;/p&gt;", "</mark>")


def _rect(box: Sequence[float], colour: str, kind: str) -> str:
    x, y, w, h = box
    return f"<rect class='{kind}' x={x} y={y} width={w} height={h} stroke='{colour}'/>"
