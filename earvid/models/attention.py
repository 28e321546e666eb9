"""SAM 2's memory attention with fewer multiplications, for CPUs.

Three things about attention with one head are used, none of which changes what it computes:

* a weighted mean of mapped values is the map of their weighted mean, so that values are averaged as
  they come (64 channels of a memory instead of 256), and one map does what two did;
* products of queries and keys stay the same when channels change their order in both, so that the
  two parts of each rotated pair can lie in halves, and rotary positions need no complex numbers;
* a scaled query is the query of scaled weights.

Matrix products are taken one after the other rather than by PyTorch's fused attention, which on
CPUs is no faster in bfloat16 than in float32 and cannot have values narrower than keys.
"""

from __future__ import annotations

import torch
from sam2.modeling.sam.transformer import RoPEAttention
from sam2.modeling.sam2_base import SAM2Base
from torch import Tensor, nn

_SCORES = 2**21  # scores that are kept at a time: what fits into a processor's cache
_LEAST = 512  # queries at a time, in any case: for fewer, reading all keys takes longer


class JoinedAttention(RoPEAttention):  # type: ignore[misc]
    """What a :class:`RoPEAttention` with one head computes, in another order.

    Args:
        attention: whose weights to take.
        dtype: in which keys are compared with queries and values averaged.
    """

    def __init__(self, attention: RoPEAttention, dtype: torch.dtype) -> None:
        nn.Module.__init__(self)
        width = attention.internal_dim
        halves = torch.cat([torch.arange(0, width, 2), torch.arange(1, width, 2)])
        self.query = _rows(attention.q_proj, halves, width**-0.5)
        self.key = _rows(attention.k_proj, halves)
        self.joined = _joined(attention.v_proj, attention.out_proj)
        self._compute_cis, self._dtype = attention.compute_cis, dtype
        self._tables: dict[int, tuple[Tensor, Tensor]] = {}

    def forward(self, q: Tensor, k: Tensor, v: Tensor, num_k_exclude_rope: int = 0) -> Tensor:
        """Attend, as :class:`RoPEAttention` does.

        Args:
            q: ``(B, N, C)`` queries at the places of a square map.
            k: ``(B, R * N + E, K)`` keys at the places of ``R`` such maps, and ``E`` without.
            v: likewise, values.
            num_k_exclude_rope: ``E``.

        Returns:
            ``(B, N, C)``.
        """
        places = q.shape[1]
        cos, sin = self._rotation(places)
        queries = self._turned(self.query(q), cos, sin)
        keys = self.key(k)
        mapped = keys.shape[1] - num_k_exclude_rope
        maps = (len(k), mapped // places, places, keys.shape[-1])
        turned = torch.empty(keys.shape, dtype=self._dtype, device=keys.device)
        turned[:, mapped:] = keys[:, mapped:]
        self._turned(keys[:, :mapped].view(maps), cos, sin, turned[:, :mapped].view(maps))
        means = map(_means, queries, turned, v.to(self._dtype))
        out: Tensor = self.joined(torch.stack(list(means)).to(q.dtype))
        return out

    def _turned(self, x: Tensor, cos: Tensor, sin: Tensor, out: Tensor | None = None) -> Tensor:
        """Turn pairs whose parts lie in the two halves of the last dimension."""
        if out is None:
            out = torch.empty(x.shape, dtype=self._dtype, device=x.device)
        half = x.shape[-1] // 2
        one, other = x[..., :half].float(), x[..., half:].float()
        out[..., :half] = torch.addcmul(one * cos, other, sin, value=-1)
        out[..., half:] = torch.addcmul(one * sin, other, cos)
        return out

    def _rotation(self, places: int) -> tuple[Tensor, Tensor]:
        """``(N, C / 2)`` cosines and sines of the places of a square map."""
        if places not in self._tables:
            side = round(places**0.5)
            turns = self._compute_cis(end_x=side, end_y=side)
            self._tables[places] = turns.real.contiguous(), turns.imag.contiguous()
        return self._tables[places]


def join_attention(model: SAM2Base, dtype: torch.dtype) -> None:
    """Let the memory attention of a model do with less, in place.

    Args:
        model: with its weights, on the CPU.
        dtype: as in :class:`JoinedAttention`.
    """
    for layer in model.memory_attention.layers:
        for name in ("self_attn", "cross_attn_image"):
            attention = getattr(layer, name)
            if type(attention) is RoPEAttention and attention.num_heads == 1:
                setattr(layer, name, JoinedAttention(attention, dtype))


def _rows(linear: nn.Linear, order: Tensor, scale: float = 1.0) -> nn.Linear:
    """A linear map with its outputs in another order, scaled."""
    weight, bias = linear.weight.detach(), linear.bias.detach()
    return _linear(scale * weight[order], scale * bias[order])


def _joined(first: nn.Linear, second: nn.Linear) -> nn.Linear:
    """Two linear maps as one."""
    weight = second.weight.detach().double()
    bias = weight @ first.bias.detach().double() + second.bias.detach()
    return _linear(weight @ first.weight.detach().double(), bias)


def _linear(weight: Tensor, bias: Tensor) -> nn.Linear:
    made = nn.Linear(weight.shape[1], weight.shape[0])
    made.weight = nn.Parameter(weight.float(), requires_grad=False)
    made.bias = nn.Parameter(bias.float(), requires_grad=False)
    return made


def _means(queries: Tensor, keys: Tensor, values: Tensor) -> Tensor:
    """Of one example, ``(N, C)``, ``(M, C)`` and ``(M, V)``: the means of values, ``(N, V)``.

    Matrices rather than batches of one, for which PyTorch has faster code in bfloat16.
    """
    several = max(_LEAST, _SCORES // len(keys))
    parts = (queries[at : at + several] for at in range(0, len(queries), several))
    means = [torch.softmax(some @ keys.T, -1) @ values for some in parts]
    return means[0] if len(means) == 1 else torch.cat(means)
