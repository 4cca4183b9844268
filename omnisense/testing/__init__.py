"""For tests, those of this package and your own: tiny models with random weights, as real checkpoints on disk.

For example, ``load_policy(str(tiny_omni(folder)))`` is a policy that takes text, images, video and audio. For replies
that are known beforehand, use :class:`omnisense.ScriptedPolicy`: it is a policy like any other and so belongs to
``omnisense.reasoning``, on which this package, a part of the lowest layer, must not depend.
"""

from omnisense.testing.tiny_gguf import tiny_gguf
from omnisense.testing.tiny_models import (
    tiny_audio,
    tiny_omni,
    tiny_omni3,
    tiny_smolvlm,
    tiny_text,
    tiny_vlm,
    tiny_vlm3,
)

__all__ = ["tiny_audio", "tiny_gguf", "tiny_omni", "tiny_omni3", "tiny_smolvlm", "tiny_text", "tiny_vlm", "tiny_vlm3"]
