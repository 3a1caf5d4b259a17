"""Watch a model that serves: has its representation gone stale, does that hurt, and what to do about it.

``batch``: rows as a model sees them. ``detectors``: what may have moved. ``baseline``: the reference with its measured
false alarms and power. ``check``: a batch against it. ``history``: what was found, batch after batch. ``advice``: what
follows.
"""
