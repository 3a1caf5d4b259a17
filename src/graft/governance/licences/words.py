"""The words people use for licences, made comparable.

Decisions: case, punctuation, a leading "the" and the spelling of "licence" carry no meaning; numbers, ``.`` and ``+``
do (``GPL-3.0+`` is not ``GPL-3.0``); of a Python classifier the last part counts.
"""

import re

_DROPPED = re.compile(r"[^\w.+/]+|_+")


def normalise(stated: str) -> str:
    """The form under which two names of a licence count as the same.

    >>> normalise("The Apache Software License, Version 2.0")
    'apache software license version 2.0'
    >>> normalise("License :: OSI Approved :: MIT License") == normalise("MIT Licence")
    True
    """
    words = stated.strip()
    if words.casefold().startswith("license ::"):
        words = words.rsplit("::", 1)[1]
    words = _DROPPED.sub(" ", words.casefold().replace("licence", "license"))
    return re.sub(r"^the ", "", words.strip()).strip(" .")
