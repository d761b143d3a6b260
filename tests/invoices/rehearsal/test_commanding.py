"""manage.py rehearse: one JSON object a line for each story."""

import io
import json

import pytest
import yaml
from django.core.management import CommandError, call_command

from tests.invoices.rehearsal.conftest import BUY, story

pytestmark = pytest.mark.django_db


def run(*files, **options) -> list[dict]:
    written = io.StringIO()
    call_command("rehearse", *map(str, files), stdout=written, **options)
    return [json.loads(line) for line in written.getvalue().splitlines()]


def test_it_prints_an_object_for_each_story_of_each_file(tmp_path):
    one, many = tmp_path / "one.json", tmp_path / "many.yaml"
    one.write_text(json.dumps(story(BUY, name="one")))
    many.write_text(yaml.safe_dump([story(BUY, name="two"), story(BUY, name="three")]))
    told = run(one, many, language="en")
    assert [one["name"] for one in told] == ["one", "two", "three"]
    assert told[0]["invoices"][0]["lines"][0]["steps"][0]["text"] == "Fixed price ¥199.00"
    assert run(one)[0]["invoices"][0]["lines"][0]["steps"][0]["text"] == "固定价 ¥199.00"


def test_a_story_that_cannot_be_read_says_so_in_its_place(tmp_path, capsys):
    file = tmp_path / "stories.yaml"
    file.write_text(yaml.safe_dump([story(BUY, name="good"), story(BUY, name="bad", colour="red")]))
    written = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("rehearse", str(file), stdout=written, language="en")
    assert ended.value.code == 1
    good, bad = [json.loads(line) for line in written.getvalue().splitlines()]
    assert good["name"] == "good"
    assert bad["name"] == "bad"
    assert (bad["error"]["code"], bad["error"]["path"]) == ("unknown_key", "colour")


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(CommandError, match="nowhere"):
        run(tmp_path / "nowhere.yaml")
