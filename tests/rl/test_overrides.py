"""YAML 1.2 scalars and ``key=value`` overrides."""

import pytest

from omnisense.errors import InputError
from omnisense.rl.overrides import apply_override, merge, parse_yaml


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-5", 1e-5), ("1E5", 1e5), ("1.e-6", 1e-6), (".5", 0.5), ("-1e3", -1000.0), ("+1.5", 1.5),
        ("10", 10), ("-3", -3), ("010", 10), ("0o10", 8), ("0x1F", 31),
        ("true", True), ("False", False), ("null", None), ("~", None), ("", None),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("No", "No"), ("y", "y"),
        ("1:30", "1:30"), ("1_000", "1_000"), ("2024-01-01", "2024-01-01"), ("e-5", "e-5"), ("1.2.3", "1.2.3"),
        ("'1'", "1"), ("[1e-5, no]", [1e-5, "no"]), ("{a: {b: 010}}", {"a": {"b": 10}}),
    ],
)  # fmt: skip
def test_scalars_are_read_as_in_yaml_1_2(text, value):
    found = parse_yaml(text)
    assert found == value
    assert type(found) is type(value)


def test_anchors_and_merge_keys_still_work():
    assert parse_yaml("a: &a {x: 1}\nb: {<<: *a, y: 2}") == {"a": {"x": 1}, "b": {"x": 1, "y": 2}}


def test_an_override_sets_one_key_and_creates_its_parents():
    values = {"trainer": {"beta": 1}, "stages": [{"name": "audio"}]}
    for override in ("trainer.max_steps=20", "data.files=[a.json]", "stages.audio.seed=3", "system=a=b"):
        apply_override(values, override)
    assert values == {
        "trainer": {"beta": 1, "max_steps": 20},
        "stages": [{"name": "audio", "seed": 3}],
        "data": {"files": ["a.json"]},
        "system": "a=b",
    }


@pytest.mark.parametrize("override", ["novalue", "=1", "stages.video.seed=1", "trainer.beta.x=1", "a=[", "stages.x=1"])
def test_overrides_that_fit_nowhere(override):
    with pytest.raises(InputError):
        apply_override({"trainer": {"beta": 1}, "stages": [{"name": "audio"}]}, override)


def test_merging_replaces_rewards_and_ratios_as_a_whole():
    base = {"trainer": {"a": 1, "b": 2}, "rewards": {"accuracy": 1}, "data": {"ratios": {"x": 1}, "limit": 3}}
    merged = merge(base, {"trainer": {"b": 3}, "rewards": {"format": 1}, "data": {"ratios": {"y": 1}}})
    assert merged == {
        "trainer": {"a": 1, "b": 3}, "rewards": {"format": 1}, "data": {"ratios": {"y": 1}, "limit": 3},
    }  # fmt: skip
    assert base["trainer"] == {"a": 1, "b": 2}
