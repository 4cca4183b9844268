"""A language that the speech model does not know."""

import pytest

from omnisense import models
from omnisense.errors import ModelError
from omnisense.perception.speech.transcribe import Transcriber

pytestmark = pytest.mark.models


def test_a_language_that_the_model_does_not_know_is_an_error():
    folder = models.find("whisper-tiny.en")
    if folder is None:
        pytest.skip("whisper-tiny.en is not on this machine: run make models")
    with pytest.raises(ModelError, match="English only, not 'de'"):
        Transcriber(folder, "de")
    assert Transcriber(folder, "en").language == "en"
