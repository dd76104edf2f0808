"""From a folder to samples: layouts, index, examination, audit, split, fingerprint, dataset."""
