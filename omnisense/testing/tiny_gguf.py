"""A tiny text model as a GGUF file, for llama.cpp."""

from __future__ import annotations

from pathlib import Path


def tiny_gguf(folder: Path) -> Path:
    """Write a saved Qwen2, such as :func:`omnisense.testing.tiny_text` makes, as a GGUF file in float32.

    Args:
        folder: the checkpoint; ``tiny.gguf`` is written beside its files.

    Returns:
        The file. Its likelihoods are those of the checkpoint, but for rounding.
    """
    import gguf
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model, tokenizer = AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)
    config, path = model.config, folder / "tiny.gguf"
    writer = gguf.GGUFWriter(path, "qwen2")
    writer.add_block_count(config.num_hidden_layers)
    writer.add_context_length(config.max_position_embeddings)
    writer.add_embedding_length(config.hidden_size)
    writer.add_feed_forward_length(config.intermediate_size)
    writer.add_head_count(config.num_attention_heads)
    writer.add_head_count_kv(config.num_key_value_heads)
    writer.add_layer_norm_rms_eps(config.rms_norm_eps)
    writer.add_rope_freq_base(float(config.rope_theta))
    special = set(tokenizer.added_tokens_decoder)
    names = tokenizer.convert_ids_to_tokens(range(config.vocab_size))
    kinds = [gguf.TokenType.CONTROL if i in special else gguf.TokenType.NORMAL for i in range(len(names))]
    writer.add_tokenizer_model("gpt2")
    writer.add_tokenizer_pre("qwen2")
    writer.add_token_list(names)
    writer.add_token_types(kinds)
    writer.add_token_merges(["Ā Ā"])  # the file must have one; this joins two zero bytes, to no token
    writer.add_eos_token_id(tokenizer.eos_token_id)
    writer.add_bos_token_id(tokenizer.eos_token_id)
    writer.add_add_bos_token(False)
    writer.add_chat_template(tokenizer.chat_template)
    translate = gguf.get_tensor_name_map(gguf.MODEL_ARCH.QWEN2, config.num_hidden_layers)
    for name, tensor in model.state_dict().items():
        writer.add_tensor(str(translate.get_name(name, try_suffixes=(".weight", ".bias"))), tensor.float().numpy())
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    return path
