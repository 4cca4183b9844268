"""From a prompt to a model's tensors: the chat template, the tokenizer or processor, and the media.

Each prompt is encoded alone; :mod:`omnisense.reasoning.policies.batching` joins encoded prompts.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from omnisense.errors import PolicyError
from omnisense.reasoning.policies.control_tokens import ControlTokens
from omnisense.reasoning.policies.families import TEXT_FAMILY, ModelFamily
from omnisense.reasoning.policies.media_inputs import MediaInputs, SampledMedia
from omnisense.reasoning.policies.messages import MediaUsage, Messages, Role, media_of, text_of

if TYPE_CHECKING:
    import torch

Tensors: TypeAlias = "dict[str, torch.Tensor]"
# Inputs with one entry per token. By name: an audio mask may happen to be as long as its prompt.
PER_TOKEN_INPUTS = frozenset({"input_ids", "attention_mask", "token_type_ids", "mm_token_type_ids"})


@dataclass(frozen=True)
class EncodedPrompt:
    """One prompt as tensors with a batch dimension of one; ``text`` is the output of the chat template."""

    text: str
    inputs: Tensors

    @property
    def length(self) -> int:
        """Number of tokens, including those of media."""
        return int(self.inputs["input_ids"].shape[1])

    @property
    def has_media(self) -> bool:
        """Whether the prompt holds anything but text."""
        return not self.inputs.keys() <= PER_TOKEN_INPUTS


class Encoder:
    """Encodes prompts for one model. The text of messages never becomes control tokens; see ``control_tokens``.

    Args:
        processor: the model's processor; for text models its tokenizer.
        family: the kind of model.
    """

    def __init__(self, processor: Any, family: ModelFamily) -> None:
        self.processor, self.family = processor, family
        self.tokenizer = processor if family is TEXT_FAMILY else processor.tokenizer
        self.tokenizer.padding_side = "left"
        if self.tokenizer.pad_token_id is None:
            self.tokenizer.pad_token = self.tokenizer.eos_token
        plain: Any = "x" if family is TEXT_FAMILY else [{"type": "text", "text": "x"}]
        turns = self._template([{"role": role, "content": plain} for role in ("user", "assistant", "user")])
        self._accepts_video = hasattr(processor, "video_processor") and not family.video_as_frames
        self._end = self._end_of_turn()
        added = self.tokenizer.added_tokens_decoder
        if self._end and self._end[0] in added and added[self._end[0]].content.strip():
            # Fine-tuning and generation end a reply with it. Converted tokenizers name another token (SmolLM2's, from
            # GGUF: the start of a turn), and some the end of a document. It need not be flagged as special, but an
            # added run of line ends or spaces also occurs within replies.
            self.tokenizer.eos_token = self.tokenizer.convert_ids_to_tokens(self._end[0])
        self._control = ControlTokens(self.tokenizer, processor, turns)

    def encode(self, prompt: Messages) -> tuple[EncodedPrompt, MediaUsage]:
        """Encode one prompt; return its tensors and what of its media is in them.

        Raises:
            PolicyError: the model does not accept a part.
            MediaError: media cannot be decoded.
        """
        unsupported = sorted({part["type"] for part in media_of(prompt)} - self.family.modalities)
        if unsupported:
            raise PolicyError(
                f"this model accepts {', '.join(sorted(self.family.modalities))}; "
                f"the prompt holds {', '.join(unsupported)}",
                "Render the percepts as text, or use a model that accepts these parts.",
            )
        if self.family is TEXT_FAMILY:
            text = self._template(
                [{"role": m["role"], "content": self._control.replace([text_of(m)])[0]} for m in prompt]
            )
            found = self._control.encode(text, self._tokenize, PER_TOKEN_INPUTS)
            return EncodedPrompt(self._control.restore(text), found), MediaUsage()
        media = MediaInputs(self.family, self._accepts_video)
        text = self._media_template(prompt, media)
        arguments = media.arguments(self.processor)
        found = self._control.encode(
            text, lambda t: dict(self.processor(text=[t], return_tensors="pt", **arguments)), PER_TOKEN_INPUTS
        )
        found = _trim_audio(found, self.family.fixed_audio_length)
        return EncodedPrompt(self._control.restore(text), found), media.usage()

    def unexpanded(self, prompt: Messages) -> tuple[list[int], SampledMedia]:
        """Return a prompt's tokens with a single one for each image, video or audio, and these media as arrays.

        This is how engines such as vLLM take a prompt; they write the tokens of media themselves.

        Raises:
            MediaError: media cannot be decoded.
        """
        media = MediaInputs(self.family, self._accepts_video)
        if self.family is TEXT_FAMILY:
            return self.encode(prompt)[0].inputs["input_ids"][0].tolist(), media.sampled
        text = self._media_template(prompt, media)
        found = self._control.encode(text, self._tokenize, PER_TOKEN_INPUTS)
        return found["input_ids"][0].tolist(), media.sampled

    def expand(self, ids: Sequence[int], sampled: SampledMedia) -> EncodedPrompt:
        """Encode what :meth:`unexpanded` returned, also in another process; its ``text`` is that of the media alone.

        The processor gets each medium with the tokens on both sides of it, and what it writes takes their place.

        Raises:
            PolicyError: the processor writes media in another way.
        """
        import torch

        placeholders = set(self.media_tokens())
        places = [at for at, token in enumerate(ids) if token in placeholders]
        if not places:
            tokens = torch.tensor([list(ids)])
            return EncodedPrompt("", {"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
        text = "".join(self.tokenizer.decode(list(ids[at - 1 : at + 2])) for at in places)
        media = MediaInputs(self.family, self._accepts_video, sampled)
        found = dict(self.processor(text=[text], return_tensors="pt", **media.arguments(self.processor)))
        written = [int(i) for i in found["input_ids"][0]]
        origin = _splice(ids, places, written)
        for key in PER_TOKEN_INPUTS & found.keys():
            values, other = found[key][0].tolist(), int(key == "attention_mask")
            row = [values[at] if ours < 0 else ids[ours] if key == "input_ids" else other for ours, at in origin]
            found[key] = torch.tensor([row])
        return EncodedPrompt(text, _trim_audio(found, self.family.fixed_audio_length))

    def text_tokens(self, text: str) -> list[int]:
        """Return the tokens of a text that is not part of a template, such as a reply to train on."""
        return self._control.text_ids(text)

    def media_tokens(self) -> list[int]:
        """Return the tokens that stand for an image, a video or audio in a prompt."""
        names = [getattr(self.processor, f"{kind}_token", None) for kind in ("image", "video", "audio")]
        return [int(self.tokenizer.convert_tokens_to_ids(name)) for name in dict.fromkeys(names) if name]

    def _media_template(self, prompt: Messages, media: MediaInputs) -> str:
        return self._template(
            [
                {"role": m["role"], "content": self._replace([p for x in m["content"] for p in media.take(x)])}
                for m in prompt
            ]
        )

    def _tokenize(self, text: str) -> Tensors:
        # The template has written the special tokens already.
        return dict(self.tokenizer(text, return_tensors="pt", add_special_tokens=False, return_token_type_ids=False))

    def _replace(self, parts: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Replace control strings in text parts; adjacent ones go together, as templates write them without a gap."""
        for is_text, group in itertools.groupby(parts, lambda part: part["type"] == "text"):
            if is_text:
                adjacent = list(group)
                for part, text in zip(adjacent, self._control.replace([p["text"] for p in adjacent]), strict=True):
                    part["text"] = text
        return parts

    def _template(self, conversation: list[dict[str, Any]]) -> str:
        inside = conversation[-1]["role"] == "assistant"
        settings = {"tokenize": False, "add_generation_prompt": not inside, "continue_final_message": inside}
        if self.family is TEXT_FAMILY:
            text: str = self.processor.apply_chat_template(conversation, **settings)
            return text
        from transformers import ProcessorMixin

        # Qwen2.5-Omni's own method warns, at each call, of system turns that only matter for speech output.
        return str(ProcessorMixin.apply_chat_template(self.processor, conversation, **settings))

    def option_tokens(self, text: str, options: Sequence[str]) -> list[list[int]]:
        """Return the tokens of each option as the whole reply to a prompt's text; see :func:`reply_tokens`."""
        return [tokens + self._end for tokens in reply_tokens(text, options, self.text_tokens)]

    def _end_of_turn(self) -> list[int]:
        """Return the token that the chat template writes after a reply, if any."""
        conversation: list[dict[str, Any]] = [{"role": role, "content": PROBE} for role in PROBED_ROLES]
        if self.family is not TEXT_FAMILY:
            conversation = [m | {"content": [{"type": "text", "text": PROBE}]} for m in conversation]
        after = text_after_reply(self._template(conversation))
        ids: list[int] = self.tokenizer(after, add_special_tokens=False)["input_ids"] if after.strip() else []
        return ids[:1]


# A conversation whose rendering shows what the chat template writes after a reply.
PROBE = "xyz"
PROBED_ROLES: tuple[Role, ...] = ("user", "assistant", "user")


def text_after_reply(rendered: str) -> str:
    """Return what a chat template wrote after the reply of the probe; empty if it left a turn out."""
    pieces = rendered.split(PROBE)
    return pieces[2] if len(pieces) == len(PROBED_ROLES) + 1 else ""


def reply_tokens(text: str, options: Sequence[str], tokenize: Callable[[str], list[int]]) -> list[list[int]]:
    """Return the tokens of each option after a prompt's text, without the end of the turn.

    At the start of a line most tokenizers have no single token for a word in lower case: "sadness" is written
    ``s|ad|ness`` there, and "joy" is one token. If the options take fewer tokens with a space in front, all of them
    get one, so that they are compared as words.

    Raises:
        PolicyError: an option is empty.
    """
    empty = [option for option in options if not option.strip()]
    if empty:
        raise PolicyError(f"the option {empty[0]!r} is empty", "Give options with text.")
    spaced = [tokenize(f" {option}") for option in options]
    plain = [tokenize(option) for option in options]
    at_line_start = text[-1:].isspace()
    return plain if at_line_start and sum(map(len, plain)) <= sum(map(len, spaced)) else spaced


def _splice(ids: Sequence[int], places: Sequence[int], written: Sequence[int]) -> list[tuple[int, int]]:
    """Put what a processor wrote for each medium in the place of the medium and its neighbours.

    Returns:
        For each token its index in ``ids``, or -1 and its index in ``written``.
    """
    whole: list[tuple[int, int]] = []
    done = at = 0
    for place in places:
        end = ids[place + 1] if place + 1 < len(ids) else None
        if place < 1 or end not in written[at + 1 :] or written[at] != ids[place - 1]:
            raise PolicyError(
                "the processor does not write a medium between the tokens beside it",
                "Generate in the trainer's own process: remove `rollouts` from the recipe.",
            )
        stop = written.index(end, at + 1) + 1
        whole += [(i, -1) for i in range(done, place - 1)] + [(-1, i) for i in range(at, stop)]
        at, done = stop, place + 2
    return whole + [(i, -1) for i in range(done, len(ids))]


def _trim_audio(inputs: dict[str, Any], fixed_length: bool) -> Tensors:
    """Cut audio padding from 30 s to the longest audio of the prompt, unless the encoder needs it; lists to tensors."""
    import torch

    mask = inputs.get("feature_attention_mask")
    if mask is not None and inputs["input_features"].ndim == 3 and not fixed_length:
        longest = int(mask.sum(-1).max())
        inputs["input_features"] = inputs["input_features"][..., :longest]
        inputs["feature_attention_mask"] = mask[:, :longest]
    return {key: value if torch.is_tensor(value) else torch.as_tensor(value) for key, value in inputs.items()}


def media_token_ids(config: Any) -> list[int]:
    """Return the placeholder tokens of media: a reply with one would be read as media that do not exist."""
    names = ("image_token", "video_token", "audio_token", "vision_start_token", "audio_start_token")
    found = [getattr(config, f"{name}_{kind}", None) for name in names for kind in ("id", "index")]
    return sorted({token for token in found if isinstance(token, int)})
