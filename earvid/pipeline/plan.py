"""The order in which frames are tracked, so that shards are written once and memory stays flat.

Every ear is tracked forwards from its first keyframe and backwards before it. With ``k`` the last
of these keyframes and ``s`` the start of the next shard after it:

1. forwards from the first keyframe to the end. Frames before ``s`` lack ears that are only seen on
   the way back, or lie in a shard whose other half is: their results, small low-resolution logits,
   are staged in the store, a shard at a time. Frames from ``s`` on are final.
2. backwards from ``s - 1`` to 0, joining the staged results: every frame is final.

Checkpoints lie at shard boundaries.
"""

from __future__ import annotations

from dataclasses import dataclass

from earvid.prompt import Prompt


@dataclass(frozen=True)
class Plan:
    """Where the passes begin and end.

    Args:
        first: first frame of the forward pass, the earliest first keyframe.
        seam: first frame that is final in the forward pass; the backward pass starts before it.
        frame_count: frames of the clip.
        shard_length: frames per shard.
    """

    first: int
    seam: int
    frame_count: int
    shard_length: int

    @classmethod
    def make(cls, prompt: Prompt, frame_count: int, shard_length: int) -> Plan:
        """Plan a clip of ``frame_count`` frames."""
        keyframes = [ear.first_keyframe for ear in prompt.objects]
        shards = -(-max(keyframes) // shard_length)
        return cls(
            min(keyframes), min(frame_count, shards * shard_length), frame_count, shard_length
        )

    def shard(self, index: int) -> int:
        """The shard of a frame."""
        return index // self.shard_length

    def ends_forward(self, index: int) -> bool:
        """Whether a frame is the last of its shard on the way forward."""
        return (index + 1) % self.shard_length == 0 or index == self.frame_count - 1

    def ends_backward(self, index: int) -> bool:
        """Whether a frame is the last of its shard on the way back."""
        return index % self.shard_length == 0
