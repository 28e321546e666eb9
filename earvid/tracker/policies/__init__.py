"""Memory policies by name.

``fifo`` is SAM 2's own and the default; ``gated`` remembers only frames that the model was sure of;
``self-sorting`` keeps unlike frames and reads those that resemble the current one; ``motion`` and
``distractor`` also look at the masks that the model did not choose. All of them hold a number of
frames that does not grow with the clip.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields

from sam2.modeling.sam2_base import SAM2Base

from earvid.errors import UsageError
from earvid.tracker.policies.base import MemoryPolicy, Moment
from earvid.tracker.policies.distractor import Distractor
from earvid.tracker.policies.fifo import Fifo
from earvid.tracker.policies.gated import Gated
from earvid.tracker.policies.motion import Motion
from earvid.tracker.policies.self_sorting import SelfSorting

PolicyFactory = Callable[..., MemoryPolicy]

_CLASSES: tuple[type[Fifo | Gated | SelfSorting | Motion | Distractor], ...] = (
    Fifo,
    Gated,
    SelfSorting,
    Motion,
    Distractor,
)
POLICIES = tuple(one.name for one in _CLASSES)


def policy(name: str, **parameters: float) -> MemoryPolicy:
    """Make one of the policies that come with earvid.

    Args:
        name: one of :data:`POLICIES`.
        parameters: of its class; the others have their defaults.

    Raises:
        UsageError: there is no such policy or parameter, or a value is out of its range.
    """
    if name not in POLICIES:
        raise UsageError(f"There is no policy {name!r}; choose from {', '.join(POLICIES)}.")
    chosen = _CLASSES[POLICIES.index(name)]
    known = [field.name for field in fields(chosen)]
    if unknown := [key for key in parameters if key not in known]:
        raise UsageError(
            f"The policy {name} has no parameter {unknown[0]!r}; choose from {', '.join(known)}."
        )
    made: PolicyFactory = chosen
    return made(**parameters)


def policy_for(
    model: SAM2Base, wanted: str | MemoryPolicy | PolicyFactory = Fifo.name
) -> MemoryPolicy:
    """Make the policy that a model is to be tracked with.

    Args:
        model: which limits what can be attended to.
        wanted: a name, a policy, or a class or function that makes one. Names, classes and
            functions are given the model's own ``maps`` and ``pointers`` as keyword arguments.

    Raises:
        UsageError: it is no policy, or wants more than the model can attend to.
    """
    sizes = {"maps": model.num_maskmem, "pointers": model.max_obj_ptrs_in_encoder}
    if isinstance(wanted, str):
        made: object = policy(wanted, **sizes)
    else:
        made = wanted if isinstance(wanted, MemoryPolicy) else wanted(**sizes)
    if not isinstance(made, MemoryPolicy):
        raise UsageError(f"{made!r} is no memory policy; derive its class from MemoryPolicy.")
    for what, most in sizes.items():
        if getattr(made, what) > most:
            raise UsageError(
                f"The policy {made.name} asks for {getattr(made, what)} {what}, but this model "
                f"attends to {most} at most; lower {what}."
            )
    return made


__all__ = [
    "POLICIES",
    "Distractor",
    "Fifo",
    "Gated",
    "MemoryPolicy",
    "Moment",
    "Motion",
    "PolicyFactory",
    "SelfSorting",
    "policy",
    "policy_for",
]
