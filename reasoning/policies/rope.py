"""A patch of omni models: rope positions computed for each row of a batch alone.

Upstream takes one ``use_audio_in_video`` flag for a whole batch and counts videos across its rows, which is silently
wrong for a batch that mixes videos with and without sound.
"""

from __future__ import annotations

import types
from typing import Any


def patch_rope_index(model: Any) -> None:
    """Make an omni model compute rope positions for each row of a batch alone, its audio flag read from the tokens.

    In transformers 5.x the thinker and the model inside it both have the method.
    """
    for module in model.modules():
        if hasattr(module, "get_rope_index"):
            _patch_module(module)


def _patch_module(module: Any) -> None:
    upstream, config = module.get_rope_index, module.config

    def get_rope_index(
        self: Any,
        input_ids: Any,
        image_grid_thw: Any = None,
        video_grid_thw: Any = None,
        attention_mask: Any = None,
        use_audio_in_video: Any = None,
        audio_seqlens: Any = None,
        second_per_grids: Any = None,
        **more: Any,
    ) -> tuple[Any, Any]:
        import torch

        images = videos = audios = 0
        positions, deltas = [], []
        known: dict[bytes, tuple[Any, Any]] = {}  # the prompts of a group are identical
        for i in range(len(input_ids)):
            ids = input_ids[i : i + 1]
            mask = None if attention_mask is None else attention_mask[i : i + 1]
            real = ids[0] if mask is None else ids[0][mask[0] == 1]
            follows = real[1:][real[:-1] == config.vision_start_token_id]
            n_images = int((follows == config.image_token_id).sum())
            with_audio = int((follows == config.audio_start_token_id).sum())
            n_videos = with_audio + int((follows == config.video_token_id).sum())
            n_audios = int((real == config.audio_start_token_id).sum())
            media = (
                image_grid_thw[images : images + n_images] if n_images else None,
                video_grid_thw[videos : videos + n_videos] if n_videos else None,
                audio_seqlens[audios : audios + n_audios] if n_audios else None,
                second_per_grids[videos : videos + n_videos] if n_videos else None,
            )
            images, videos, audios = images + n_images, videos + n_videos, audios + n_audios
            key = b"".join(_to_bytes(x) for x in (ids, mask, *media))
            if key not in known:
                whole = torch.ones_like(ids) if mask is None else mask
                row = upstream(ids, media[0], media[1], whole, with_audio > 0, media[2], media[3], **more)
                known[key] = row[0], row[1].reshape(1, -1)
            positions.append(known[key][0])
            deltas.append(known[key][1])
        return torch.cat(positions, dim=1), torch.cat(deltas)

    module.get_rope_index = types.MethodType(get_rope_index, module)


def _to_bytes(value: Any) -> bytes:
    import torch

    return b"-" if value is None else torch.as_tensor(value).cpu().contiguous().numpy().tobytes() + b"|"
