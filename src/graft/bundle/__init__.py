"""A saved model: write, verify, load, predict."""

from graft.bundle.loading import load_bundle
from graft.bundle.origin import Origin
from graft.bundle.predicting import Bundle, BundleInfo
from graft.bundle.predictions import Predictions
from graft.bundle.writing import BundleParts, write_bundle

__all__ = ["Bundle", "BundleInfo", "BundleParts", "Origin", "Predictions", "load_bundle", "write_bundle"]
