"""Random two-layer models of the architectures that differ where the kernel could go wrong."""

import functools

import torch
import transformers as hf

VOCABULARY = 200
POSITIONS = 64
WINDOW = 5

_COMMON = {
    "vocab_size": VOCABULARY,
    "hidden_size": 32,
    "intermediate_size": 48,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": POSITIONS,
    "initializer_range": 0.3,
}
_GEMMA = _COMMON | {"head_dim": 8}
_PER_LAYER = {
    "sliding_window": WINDOW,
    "layer_types": ["sliding_attention", "full_attention"],
    "vocab_size_per_layer_input": VOCABULARY,
    "hidden_size_per_layer_input": 8,
    "num_kv_shared_layers": 0,
    "pad_token_id": 0,
}
_CONFIGS = {
    # Absolute positions, Conv1D layers with biases.
    "gpt2": lambda: hf.GPT2Config(
        vocab_size=VOCABULARY, n_embd=32, n_layer=2, n_head=4, n_positions=POSITIONS,
        initializer_range=0.3,
    ),
    # Rotary positions, grouped-query attention.
    "llama": lambda: hf.LlamaConfig(**_COMMON),
    "qwen2": lambda: hf.Qwen2Config(**_COMMON),  # biases in attention
    "mistral": lambda: hf.MistralConfig(**_COMMON, sliding_window=WINDOW),
    # Scaled embeddings, one key-value head.
    "gemma": lambda: hf.GemmaConfig(**_GEMMA | {"num_key_value_heads": 1}),
    # Soft-capped attention scores and logits, windows in every other layer.
    "gemma2": lambda: hf.Gemma2Config(
        **_GEMMA, sliding_window=WINDOW, query_pre_attn_scalar=8, final_logit_softcapping=3.0,
        attn_logit_softcapping=2.0,
    ),
    "gemma3": lambda: hf.Gemma3TextConfig(
        **_GEMMA, sliding_window=WINDOW, query_pre_attn_scalar=8,
        layer_types=["sliding_attention", "full_attention"],
    ),
    "cohere": lambda: hf.CohereConfig(**_COMMON, logit_scale=0.3),
    "granite": lambda: hf.GraniteConfig(**_COMMON, logits_scaling=2.0, embedding_multiplier=3.0),
    # Linear biases by distance instead of positions; knows no attention registry.
    "bloom": lambda: hf.BloomConfig(
        vocab_size=VOCABULARY, hidden_size=32, n_layer=2, n_head=4, initializer_range=0.3
    ),
    # Embeddings of their own in every layer, looked up by id.
    "gemma3n": lambda: hf.Gemma3nTextConfig(
        **_GEMMA | {"intermediate_size": [48] * 2}, **_PER_LAYER, laurel_rank=4,
        altup_num_inputs=2, activation_sparsity_pattern=[0.0] * 2,
    ),
    "gemma4": lambda: hf.Gemma4TextConfig(**_GEMMA, **_PER_LAYER, global_head_dim=8),
    # Every token attends to all others.
    "bert": lambda: hf.BertConfig(
        vocab_size=VOCABULARY, hidden_size=32, num_hidden_layers=2, num_attention_heads=4,
        intermediate_size=48, max_position_embeddings=POSITIONS, initializer_range=0.3,
    ),
    # A head that does something unknown to its logits.
    "odd_head": lambda: hf.LlamaConfig(**_COMMON),
}  # fmt: skip


@functools.cache
def tiny(kind: str) -> hf.PreTrainedModel:
    """The model of that kind, in eval mode; shared, so leave it as it is."""
    torch.manual_seed(0)
    build = OddHead if kind == "odd_head" else hf.AutoModelForCausalLM.from_config
    return noticing_ids(build(_CONFIGS[kind]()).eval())


def noticing_ids(model: hf.PreTrainedModel) -> hf.PreTrainedModel:
    """The model; a Gemma-3n without the initial zeros with which its layers ignore the ids."""
    for name, weight in model.named_parameters():
        if name.endswith("correct_output_scale"):
            torch.nn.init.ones_(weight)
    return model


class OddHead(hf.LlamaForCausalLM):
    """A causal LM whose forward does something of its own to the logits."""

    def forward(self, *args, logits_to_keep=0, **kwargs):
        output = super().forward(*args, logits_to_keep=logits_to_keep, **kwargs)
        output.logits = output.logits * 0.5 + 0.01 * output.logits**2
        return output
