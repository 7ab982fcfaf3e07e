"""Slow, obvious scores to compare with: one sample at a time, full logits, plain loops.

Nothing here uses tshirt_assets.scoring. A model is any Hugging Face causal LM; noise is a plain
(L, C) array that is added to the token embeddings.
"""

import math
import statistics

import numpy as np
import torch


def token_losses(model, ids, n_scored, noise=None):
    """-log p of each of the last `n_scored` tokens, from the full logits of one forward pass."""
    tokens = torch.tensor([list(map(int, ids))])
    with torch.no_grad():
        if noise is None:
            logits = model(input_ids=tokens).logits[0]
        else:
            embeds = model.get_input_embeddings()(tokens) + torch.as_tensor(noise)[None]
            logits = model(inputs_embeds=embeds).logits[0]
    losses = []
    for position in range(len(ids) - n_scored, len(ids)):
        log_p = torch.log_softmax(logits[position - 1].double(), dim=-1)
        losses.append(-float(log_p[int(ids[position])]))
    return losses


def both_passes(model, prompt, response, has_bos, field=None):
    """Losses of the response with its prompt (T) and without it (T behind a BOS, else T-1).

    `field` (P + T, C) is the noise of a neighbour: prompt rows (BOS first), then response rows.
    """
    prompt, response = list(prompt), list(response)
    cond = token_losses(model, prompt + response, len(response), field)
    if has_bos:
        own = None if field is None else np.concatenate([field[:1], field[len(prompt) :]])
        uncond = token_losses(model, prompt[:1] + response, len(response), own)
    else:
        own = None if field is None else field[len(prompt) :]
        uncond = token_losses(model, response, len(response) - 1, own)
    return cond, uncond


def deltas(cond, uncond):
    """unconditional minus conditional loss of each token that has both."""
    return [u - c for c, u in zip(cond[len(cond) - len(uncond) :], uncond, strict=True)]


def ifd(cond, uncond):
    """Perplexity with the instruction over perplexity without."""
    return math.exp(sum(cond) / len(cond)) / math.exp(sum(uncond) / len(uncond))


def s_ifd(deltas, tau):
    """The same ratio over the informative tokens; None when there are none."""
    kept = [delta for delta in deltas if delta > tau or delta < -tau]
    return math.exp(-sum(kept) / len(kept)) if kept else None


def robust(model, prompt, response, has_bos, fields, tau):
    """Mean and population std of S-IFD, mean IFD, neighbours used; one noise field each."""
    values, ratios = [], []
    for field in fields:
        cond, uncond = both_passes(model, prompt, response, has_bos, field)
        ratios.append(ifd(cond, uncond))
        value = s_ifd(deltas(cond, uncond), tau)
        if value is not None:
            values.append(value)
    mean, std = statistics.fmean(values), statistics.pstdev(values)
    return mean, std, statistics.fmean(ratios), len(values)


def miwv(model, one_shot_prompt, prompt, response):
    """Mean response loss behind demo and prompt minus mean response loss behind the prompt."""
    response = list(response)
    one = token_losses(model, list(one_shot_prompt) + response, len(response))
    zero = token_losses(model, list(prompt) + response, len(response))
    return sum(one) / len(one) - sum(zero) / len(zero)


class SlowEngine:
    """The engine's interface over `token_losses`: one request after the other, no packing."""

    def __init__(self, model):
        self.model = model
        self.width = model.get_input_embeddings().weight.shape[1]
        self.device = torch.device("cpu")
        self.max_positions = model.config.max_position_embeddings
        self.calls = []  # number of requests of each call

    def losses(self, requests):
        self.calls.append(len(requests))
        return [
            np.array(
                token_losses(
                    self.model,
                    request.ids,
                    request.n_scored,
                    request.noise and request.noise.values(self.width, self.device),
                ),
                dtype=np.float32,
            )
            for request in requests
        ]
