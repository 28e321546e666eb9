"""What tells people whether the results of a clip can be trusted, and why they are as they are.

Facts are gathered apart from drawing them: :mod:`~earvid.qc.bank` reads the memory bank out of a
store with numpy alone, :mod:`~earvid.qc.memory` draws it.
"""

from earvid.qc.bank import BankUse, bank_use
from earvid.qc.memory import memory_picture

__all__ = ["BankUse", "bank_use", "memory_picture"]
