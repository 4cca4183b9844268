"""Vocal emotion of one utterance.

The shipped head uses standard features: cepstra with their deltas (of Kaldi's mel bands), pitch statistics, the range
of loudness, and the long-term spectrum, in which vocal effort raises high bands over low ones (after the parameter sets
of Eyben et al., "The Geneva Minimalistic Acoustic Parameter Set", 2016). Any Hugging Face audio classification model
can be used instead.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

import numpy as np

from omnisense.errors import ModelError, first_line
from omnisense.perception.emotion.voice_head import VoiceHead
from omnisense.perception.media.decode import SAMPLE_RATE_HZ

SHIPPED = "voice_emotion"
MIN_S = 0.5  # shorter utterances are not classified
MAX_S = 15.0
_MEL_BANDS, _CEPSTRA = 40, 20
_F0_RANGE_HZ = (60.0, 500.0)
_VOICED = 0.5
_RANGE_NEPERS = 11.5  # 50 dB: whatever lies further under the loudest, such as bands that a line cuts off, is alike
_SPEECH_NEPERS = 6.0  # frames whose mean log band lies this far under the loudest are pauses


class VoiceEmotionClassifier(Protocol):
    """Classifies the emotion of one utterance."""

    labels: tuple[str, ...]
    name: str

    def classify(self, samples: np.ndarray) -> np.ndarray:
        """Return scores (K,) of (N,) float32 samples at 16 kHz: an utterance of ``MIN_S`` at least, without silence
        around it.
        """


class ShippedVoiceClassifier:
    """The head that ships with OmniSense; ``voice_emotion.md`` beside it is its model card.

    Args:
        pitch: a ``swift_f0.SwiftF0``.
        head: another head on the same features.
    """

    def __init__(self, pitch: Any, head: VoiceHead | None = None) -> None:
        import torchaudio  # noqa: F401 (now, and not beside another import when the first utterance is classified)

        self._pitch, self._head = pitch, head or VoiceHead.load(shipped=SHIPPED)
        self.labels, self.name = self._head.labels, SHIPPED

    def classify(self, samples: np.ndarray) -> np.ndarray:
        """Return scores (K,) that sum to 1."""
        scores: np.ndarray = self._head.scores(voice_features(samples, self._pitch)[None])[0]
        return scores


class HuggingFaceVoiceClassifier:
    """Any Hugging Face audio classification model.

    Args:
        folder: of the model.
        name: as in the settings.

    Raises:
        ModelError: the folder contains no such model.
    """

    def __init__(self, folder: Path, name: str) -> None:
        from transformers import AutoFeatureExtractor, AutoModelForAudioClassification

        try:
            self._model = AutoModelForAudioClassification.from_pretrained(folder, trust_remote_code=False).eval()
            self._extractor = AutoFeatureExtractor.from_pretrained(folder, trust_remote_code=False)
        except Exception as error:  # each library has types of its own, for damaged weights for instance
            raise ModelError(
                f"the audio classification model cannot be loaded ({first_line(error)})",
                "Name a model with a feature extractor and a classification head.",
                folder,
            ) from error
        names = self._model.config.id2label
        self.labels, self.name = tuple(str(names[k]).lower() for k in range(len(names))), name

    def classify(self, samples: np.ndarray) -> np.ndarray:
        """Return scores (K,) that sum to 1."""
        import torch

        inputs = self._extractor(samples, sampling_rate=SAMPLE_RATE_HZ, return_tensors="pt")
        with torch.inference_mode():
            scores: np.ndarray = self._model(**inputs).logits[0].float().softmax(dim=-1).numpy()
        return scores


def voice_features(samples: np.ndarray, pitch: Any) -> np.ndarray:
    """Return features (189,) of one utterance, (N,) float32 at 16 kHz; they do not depend on the recording level."""
    import torch
    import torchaudio
    from scipy.fft import dct

    level = float(np.sqrt(np.mean(samples**2))) + 1e-8
    bands = torchaudio.compliance.kaldi.fbank(
        torch.from_numpy((samples * (0.1 / level)).astype(np.float32))[None],
        num_mel_bins=_MEL_BANDS,
        dither=0.0,
        sample_frequency=SAMPLE_RATE_HZ,
    ).numpy()
    bands = np.maximum(bands, bands.max() - _RANGE_NEPERS)
    loudness = bands.mean(axis=1)
    spoken = loudness > np.percentile(loudness, 95) - _SPEECH_NEPERS
    cepstra = dct(bands, type=2, axis=1, norm="ortho")[:, :_CEPSTRA]
    deltas = np.gradient(cepstra, axis=0)
    spectrum = 10 * np.log10(np.exp(bands[spoken]).mean(axis=0) + 1e-9)
    return np.concatenate(
        [
            _statistics(cepstra[spoken]),
            _statistics(deltas[spoken])[_CEPSTRA:],  # their mean is the difference of two frames
            _pitch_statistics(samples, pitch),
            [loudness.std(), np.percentile(loudness, 90) - np.percentile(loudness, 10), spoken.mean()],
            spectrum - spectrum.mean(),
        ]
    ).astype(np.float32)


def _statistics(values: np.ndarray) -> np.ndarray:
    return np.concatenate(
        [values.mean(axis=0), values.std(axis=0), *(np.percentile(values, q, axis=0) for q in (10, 90))]
    )


def _pitch_statistics(samples: np.ndarray, pitch: Any) -> np.ndarray:
    found = pitch.detect(samples.astype(np.float32), SAMPLE_RATE_HZ, fmin=_F0_RANGE_HZ[0], fmax=_F0_RANGE_HZ[1])
    voiced = found.confidence > _VOICED
    if voiced.sum() < 4:
        silent: np.ndarray = np.r_[np.zeros(5), voiced.mean()]
        return silent
    semitones = 12 * np.log2(found.pitch_hz[voiced] / 100)
    return np.array(
        [
            np.median(semitones),
            semitones.std(),
            *np.percentile(semitones, (10, 90)),
            np.abs(np.diff(semitones)).mean(),
            voiced.mean(),
        ]
    )
