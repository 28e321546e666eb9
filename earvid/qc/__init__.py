"""What tells people whether the results of a clip can be trusted, and why they are as they are.

Facts are gathered apart from drawing them. Of the memory bank, :mod:`~earvid.qc.bank` reads it out
of a store and :mod:`~earvid.qc.memory` draws it. Of the quality of a clip,
:mod:`~earvid.qc.measures` measures every frame, :mod:`~earvid.qc.doubt` says how far it is to be
doubted, :mod:`~earvid.qc.spans` ranks what is worth a look, and :mod:`~earvid.qc.page` and
:mod:`~earvid.qc.overview` show it.
"""

from earvid.qc.bank import BankUse, bank_use
from earvid.qc.doubt import Doubt, doubt_of
from earvid.qc.measures import Measures, measure
from earvid.qc.memory import memory_picture
from earvid.qc.page import store_page
from earvid.qc.plan import Plan, plan_pages
from earvid.qc.review import Review, review
from earvid.qc.site import write_pages
from earvid.qc.spans import Span, flagged_spans

__all__ = [
    "BankUse",
    "Doubt",
    "Measures",
    "Plan",
    "Review",
    "Span",
    "bank_use",
    "doubt_of",
    "flagged_spans",
    "measure",
    "memory_picture",
    "plan_pages",
    "review",
    "store_page",
    "write_pages",
]
