"""Execution on Ray: searches, latency measurements, full trainings, tabulations.

May import only :mod:`nas.benchmark` and the layers below it. No other package imports Ray.
"""

import os

# Ray prints pages about every dead worker on the driver's standard output, whatever its options
# say, unless they match this pattern. It reads it when it is imported.
os.environ.setdefault("RAY_DEDUP_LOGS_SKIP_REGEX", ".")
