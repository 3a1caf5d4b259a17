"""Assets, licences, lineage: every pretrained thing is a governed dependency."""
