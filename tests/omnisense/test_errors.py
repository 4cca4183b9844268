"""How a command that is started with ``python -m`` ends."""

import pytest

from omnisense.errors import InputError, exit_on_error


def test_an_error_is_one_line_and_exit_code_2(capsys):
    with pytest.raises(SystemExit) as ended, exit_on_error():
        raise InputError("it has no\nrows", "Write some.", "rows.jsonl")
    assert ended.value.code == 2
    assert capsys.readouterr() == ("", "Error: rows.jsonl: it has no rows. Write some.\n")


def test_a_bug_keeps_its_traceback():
    with pytest.raises(ZeroDivisionError), exit_on_error():
        _ = 1 / 0
