"""Boxes as models write them: a table of replies, what was asked for, and what must be read."""

import pytest

from omnisense import InputError
from omnisense.reasoning.answers import boxes
from omnisense.reasoning.answers.box_notation import notation_of
from omnisense.reasoning.answers.parser import parse
from omnisense.reasoning.answers.question import Question, question_text

BINS, THOUSANDTHS, FRACTIONS, PIXELS = "bins", "thousandths", "fractions", "pixels 640x480"
ONE = [[0.1, 0.2, 0.5, 0.8]]
TWO = [[0.1, 0.2, 0.5, 0.8], [0.6, 0.2, 0.9, 0.8]]
NONE = []

# reply, form, boxes
TABLE = [
    # bins, as HERM-7B and MiniGPT-v2 write them: their unit is in the notation
    ("{<10><20><50><80>}", BINS, ONE),
    ("{<10><20><50><80>}", PIXELS, ONE),
    ("{<10><20><50><80>}", THOUSANDTHS, ONE),
    ("{<10><20><50><80>}", FRACTIONS, ONE),
    ("{<10><20><50><80>}", "", ONE),
    ("<10><20><50><80>", BINS, ONE),
    ("{ <10> <20> <50> <80> }", BINS, ONE),
    ("<p>the man in the red shirt</p>{<10><20><50><80>}", BINS, ONE),
    ("<p>the man</p> {<10><20><50><80>}.", BINS, ONE),
    ("{<10><20><50><80>}<delim>{<60><20><90><80>}", BINS, TWO),
    ("{<10><20><50><80>} <delim> {<60><20><90><80>}", BINS, TWO),
    ("<p>two men</p>{<10><20><50><80>}<delim>{<60><20><90><80>}", BINS, TWO),
    ("<p>one</p>{<10><20><50><80>} and <p>another</p>{<60><20><90><80>}", BINS, TWO),
    ("{<10><20><50><80>}<delim>{<10><20><50><80>}", BINS, ONE),
    ("{<0><0><100><100>}", BINS, [[0.0, 0.0, 1.0, 1.0]]),
    ("{<0><0><99><99>}", BINS, [[0.0, 0.0, 0.99, 0.99]]),
    ("The person is at {<10><20><50><80>}", BINS, ONE),
    ("<answer>{<10><20><50><80>}</answer>", BINS, ONE),
    ("<think>near {<1><2><3><4>}</think><answer>{<10><20><50><80>}</answer>", BINS, ONE),
    ("{<50><20><10><80>}", BINS, NONE),
    ("{<10><20><10><80>}", BINS, NONE),
    ("{<10><20><50><180>}", BINS, NONE),
    ("{<10><20><50>}", BINS, NONE),
    ("[10, 20, 50, 80]", BINS, ONE),
    # fractions
    ("[0.1, 0.2, 0.5, 0.8]", FRACTIONS, ONE),
    ("[0.1, 0.2, 0.5, 0.8]", PIXELS, ONE),
    ("[0.1, 0.2, 0.5, 0.8]", THOUSANDTHS, ONE),
    ("[0.1, 0.2, 0.5, 0.8]", "", ONE),
    ("[.1, .2, .5, .8]", FRACTIONS, ONE),
    ("[0.10,0.20,0.50,0.80]", FRACTIONS, ONE),
    ("(0.1, 0.2, 0.5, 0.8)", FRACTIONS, ONE),
    ("0.1, 0.2, 0.5, 0.8", FRACTIONS, ONE),
    ("0.1 0.2 0.5 0.8", FRACTIONS, ONE),
    ("[0.1 0.2 0.5 0.8]", FRACTIONS, ONE),
    ("[[0.1, 0.2, 0.5, 0.8]]", FRACTIONS, ONE),
    ("[[0.1, 0.2, 0.5, 0.8], [0.6, 0.2, 0.9, 0.8]]", FRACTIONS, TWO),
    ("[0.1, 0.2, 0.5, 0.8] and [0.6, 0.2, 0.9, 0.8]", FRACTIONS, TWO),
    ("[0.1, 0.2, 0.5, 0.8]\n[0.6, 0.2, 0.9, 0.8]", FRACTIONS, TWO),
    ("The box is [0.1, 0.2, 0.5, 0.8].", FRACTIONS, ONE),
    ("person: [0.1, 0.2, 0.5, 0.8]", FRACTIONS, ONE),
    ("[0, 0, 1, 1]", THOUSANDTHS, [[0.0, 0.0, 1.0, 1.0]]),
    ("[0.1, 0.2, 0.5, 1.01]", FRACTIONS, [[0.1, 0.2, 0.5, 1.0]]),
    ("[-0.005, 0.2, 0.5, 0.8]", FRACTIONS, [[0.0, 0.2, 0.5, 0.8]]),
    ("[-0.2, 0.2, 0.5, 0.8]", FRACTIONS, NONE),
    ("[0.5, 0.8, 0.1, 0.2]", FRACTIONS, NONE),
    ("[100, 200, 500, 800]", FRACTIONS, NONE),
    # thousandths, as Qwen2-VL, Qwen3-VL and InternVL write them
    ("[100, 200, 500, 800]", THOUSANDTHS, ONE),
    ("[100,200,500,800]", THOUSANDTHS, ONE),
    ("(100, 200, 500, 800)", THOUSANDTHS, ONE),
    ("<box>[[100, 200, 500, 800]]</box>", THOUSANDTHS, ONE),
    ("<ref>the man</ref><box>[[100, 200, 500, 800]]</box>", THOUSANDTHS, ONE),
    ("<|object_ref_start|>the man<|object_ref_end|><|box_start|>(100,200),(500,800)<|box_end|>", THOUSANDTHS, ONE),
    ("<|box_start|>(100,200),(500,800)<|box_end|>", PIXELS, ONE),
    ("<|box_start|>(100, 200), (500, 800)<|box_end|><|im_end|>", THOUSANDTHS, ONE),
    ("<ref>the man</ref><box>(100,200),(500,800)</box>", PIXELS, ONE),
    ("(100,200),(500,800)", THOUSANDTHS, ONE),
    ("(100, 200) to (500, 800)", THOUSANDTHS, ONE),
    ('```json\n[{"bbox_2d": [100, 200, 500, 800], "label": "man"}]\n```', THOUSANDTHS, ONE),
    ('{"bbox_2d": [100, 200, 500, 800]}', THOUSANDTHS, ONE),
    ('[{"bbox_2d": [100, 200, 500, 800]}, {"bbox_2d": [600, 200, 900, 800]}]', THOUSANDTHS, TWO),
    ("[100, 200, 500, 800], [600, 200, 900, 800]", THOUSANDTHS, TWO),
    ("[[100, 200, 500, 800], [600, 200, 900, 800]]", THOUSANDTHS, TWO),
    ("1. [100, 200, 500, 800]\n2. [600, 200, 900, 800]", THOUSANDTHS, TWO),
    ("x1=100, y1=200, x2=500, y2=800", THOUSANDTHS, ONE),
    ("[100, 200, 500, 1005]", THOUSANDTHS, [[0.1, 0.2, 0.5, 1.0]]),
    ("[100, 200, 500, 1200]", THOUSANDTHS, NONE),
    ("[100.0, 200.0, 500.0, 800.0]", THOUSANDTHS, ONE),
    ("100, 200, 500, 800", THOUSANDTHS, ONE),
    # pixels, as Qwen2.5-VL writes them
    ("[64, 96, 320, 384]", PIXELS, ONE),
    ('```json\n[\n\t{"bbox_2d": [64, 96, 320, 384], "label": "the man in white"}\n]\n```', PIXELS, ONE),
    ('[{"bbox_2d": [64, 96, 320, 384], "label": "a"}, {"bbox_2d": [384, 96, 576, 384], "label": "b"}]', PIXELS, TWO),
    ('{"bbox": [64, 96, 320, 384]}', PIXELS, ONE),
    ('{"box": [64.0, 96.0, 320.0, 384.0]}', PIXELS, ONE),
    ('{"x1": 64, "y1": 96, "x2": 320, "y2": 384}', PIXELS, ONE),
    ('{"x_min": 64, "y_min": 96, "x_max": 320, "y_max": 384}', PIXELS, ONE),
    ('{"xmin": 64, "ymin": 96, "xmax": 320, "ymax": 384}', PIXELS, ONE),
    ("xmin: 64, ymin: 96, xmax: 320, ymax: 384", PIXELS, ONE),
    ('{"left": 64, "top": 96, "right": 320, "bottom": 384}', PIXELS, ONE),
    ("left=64, top=96, right=320, bottom=384", PIXELS, ONE),
    ('{"x": 64, "y": 96, "width": 256, "height": 288}', PIXELS, ONE),
    ('{"x": 64, "y": 96, "w": 256, "h": 288}', PIXELS, ONE),
    ('{"left": 64, "top": 96, "width": 256, "height": 288}', PIXELS, ONE),
    ("(64, 96), (320, 384)", PIXELS, ONE),
    ("[[64, 96], [320, 384]]", PIXELS, ONE),
    ("The person is located at (64, 96, 320, 384).", PIXELS, ONE),
    ("Bounding box: [64, 96, 320, 384]", PIXELS, ONE),
    ("**[64, 96, 320, 384]**", PIXELS, ONE),
    ("\\boxed{[64, 96, 320, 384]}", PIXELS, ONE),
    ("<answer>[64, 96, 320, 384]</answer>", PIXELS, ONE),
    ("<think>The man is left, maybe [1, 2, 3, 4].</think>\n<answer>[64, 96, 320, 384]</answer>", PIXELS, ONE),
    ("[64, 96, 320, 485]", PIXELS, [[0.1, 0.2, 0.5, 1.0]]),
    ("[64, 96, 320, 600]", PIXELS, NONE),
    ("[64, 96, 1320, 384]", PIXELS, NONE),
    ("[320, 384, 64, 96]", PIXELS, NONE),
    ("[64，96，320，384]", PIXELS, ONE),  # full-width commas
    # percentages, and location tokens
    ("10%, 20%, 50%, 80%", THOUSANDTHS, ONE),
    ("[10%, 20%, 50%, 80%]", PIXELS, ONE),
    ("<loc_100><loc_200><loc_500><loc_800>", PIXELS, ONE),
    ("man<loc_100><loc_200><loc_500><loc_800>", THOUSANDTHS, ONE),
    ("<loc0256><loc0128><loc0768><loc0512> man", PIXELS, [[0.125, 0.25, 0.5, 0.75]]),
    # nothing that could be read
    ("", THOUSANDTHS, NONE),
    ("I cannot see a person.", THOUSANDTHS, NONE),
    ("The person is on the left.", PIXELS, NONE),
    ("[100, 200, 500]", THOUSANDTHS, NONE),
    ("[100, 200]", THOUSANDTHS, NONE),
    ("[x1, y1, x2, y2]", THOUSANDTHS, NONE),
    ("There are 2 people, 3 dogs, 4 cats and 5 birds.", THOUSANDTHS, NONE),
    ("[100, 200, 500, 800]", "", NONE),
    ("[nan, 0, 1, 1]", FRACTIONS, NONE),
    ("<think>[100, 200, 500, 800]", THOUSANDTHS, NONE),
    ("<answer></answer>", THOUSANDTHS, NONE),
    ("2024-10-08 12:30", THOUSANDTHS, NONE),
]  # fmt: skip


def test_the_table_is_long_enough():
    assert len(TABLE) >= 100


@pytest.mark.parametrize(("reply", "form", "expected"), TABLE)
def test_a_reply_is_read_as_it_is_meant(reply, form, expected):
    assert [list(box) for box in boxes.load(parse(reply, "boxes", form=form).value)] == expected


@pytest.mark.parametrize(
    "piece", [" ", "1 ", "[1, ", "<1>", "x1=1 ", '{"bbox_2d": [', "(1,1),", "9", "1% ", "-.", "[[", "<box>"]
)
def test_long_nonsense_is_read_quickly(piece):
    import time

    began = time.perf_counter()
    for start in ("", "[1, 2", "{<1>"):
        parse(start + piece * (60_000 // len(piece)), "boxes", form=PIXELS)
    assert time.perf_counter() - began < 5


def test_one_box_is_not_read_off_several():
    read = parse("[0.1, 0.2, 0.5, 0.8] or [0.6, 0.2, 0.9, 0.8]", "box", form=FRACTIONS)
    assert read.value == ""
    assert "2 boxes" in read.how


def test_why_a_box_could_not_be_read_is_said():
    assert "outside the picture" in parse("[64, 96, 320, 999]", "box", form=PIXELS).how
    assert "out of order" in parse("[320, 384, 64, 96]", "box", form=PIXELS).how
    assert "without a unit" in parse("[1, 2, 3, 4]", "box").how


@pytest.mark.parametrize("form", [BINS, THOUSANDTHS, FRACTIONS, PIXELS])
@pytest.mark.parametrize("asked", [ONE, TWO])
def test_what_is_written_is_read_back(form, asked):
    text = boxes.format_boxes(asked, form, several=len(asked) > 1)
    assert [list(box) for box in boxes.parse(text, form).boxes] == asked


def test_marked_boxes_are_filled_in_as_the_model_writes_them():
    text = f"<p>a man</p>{boxes.to_markup(ONE)} waves"
    assert boxes.fill_markup(text, BINS) == "<p>a man</p>{<10><20><50><80>} waves"
    assert boxes.fill_markup(text, PIXELS) == "<p>a man</p>[64, 96, 320, 384] waves"
    assert boxes.is_valid_markup(text)
    assert not boxes.is_valid_markup("<box>[[1, 2</box>")


def test_a_question_says_which_notation_it_wants():
    assert "640 wide and 480 high" in question_text(Question("Where?", "box", form=PIXELS))
    assert "{<x1><y1><x2><y2>}" in question_text(Question("Where?", "box", form=BINS))
    assert "boxes of all of them" in question_text(Question("Where?", "boxes", form=THOUSANDTHS))


def test_the_notation_is_the_familys_own(tmp_path):
    """Qwen2.5-VL counts pixels of the picture as its processor resizes it: what the tensors say."""
    from PIL import Image

    from omnisense.reasoning.policies.loading import load_model
    from omnisense.testing.tiny_models import tiny_text, tiny_vlm

    folder = tiny_vlm(tmp_path / "vlm")
    notation = notation_of("auto", folder, max_pixels=200 * 200)
    _, encoder = load_model(folder, "float32")
    for size in ((640, 480), (200, 300), (50, 40), (333, 77)):
        Image.new("RGB", size).save(tmp_path / "x.png")
        from omnisense.perception.media.sampling import Sampling

        part = {
            "type": "image",
            "path": str(tmp_path / "x.png"),
            "sampling": Sampling(rule="count", count=1, max_pixels=200 * 200),
        }
        encoded, _ = encoder.encode([{"role": "user", "content": [part, {"type": "text", "text": "?"}]}])
        _, rows, columns = encoded.inputs["image_grid_thw"][0].tolist()
        assert notation.form(*size) == f"pixels {columns * 14}x{rows * 14}"
    assert notation_of("auto", tiny_text(tmp_path / "text")).form(640, 480) == "thousandths"
    assert notation_of("auto", None).form(640, 480) == "thousandths"
    assert notation_of("bins", folder).form(640, 480) == "bins"


def test_unknown_formats_and_kinds_are_errors():
    with pytest.raises(InputError, match="Choose from fractions, bins, thousandths, pixels"):
        boxes.describe_format("inches", several=False)
    with pytest.raises(InputError, match="unknown kind of question 'riddle'"):
        Question("Where?", "riddle")
