"""The reader of works: documents with derivations as people write them, in; claims, out.

``read_work`` in ``works.reader`` is the way in; ``works.work`` holds the records it gives.
"""
