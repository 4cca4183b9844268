"""Missing files of a recipe are named before any model is loaded, with the command that creates them."""

import pytest

from omnisense.errors import InputError
from omnisense.rl.preflight import check_recipe
from omnisense.rl.recipe import read_recipe


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    monkeypatch.setenv("OMNISENSE_OFFLINE", "1")
    (tmp_path / "mine.json").write_text("[]")

    def make(*overrides):
        return read_recipe("tiny", [f"data.files=[{tmp_path}/mine.json]", "stages=[]", *overrides])

    return make


def test_missing_data_are_named_with_the_command_that_creates_them(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"^tiny/video\.json: .*`python -m omnisense\.rl\.tiny tiny`"):
        check_recipe(read_recipe("tiny", ["stages=[]"]))


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("data.test_files=[gone.json]", "^gone.json: the recipe's data are missing"),
        ("data.images=gone", "^gone: the folder of images is missing"),
        ("adapter=runs/gone", "^runs/gone: the adapter folder is missing"),
        ("rewards={acuracy: 1}", "there is no reward 'acuracy'"),
    ],
)
def test_what_is_missing_is_named(recipe, override, message):
    with pytest.raises(InputError, match=message):
        check_recipe(recipe(override))


def test_a_folder_without_an_adapter_is_not_one(recipe, tmp_path):
    with pytest.raises(InputError, match="holds no LoRA adapter"):
        check_recipe(recipe(f"adapter={tmp_path}"))


def test_a_complete_recipe_passes(recipe):
    check_recipe(recipe())
