"""Speaking with models; the only place that knows Strands."""

import logging

# Strands opens OpenTelemetry contexts that it cannot close when a stream is left early. The library
# then logs a traceback at ERROR that says nothing; there is no exporter, so nothing is lost.
logging.getLogger("opentelemetry.context").setLevel(logging.CRITICAL)
# It also reports every failure that passes through it; we log a failure once, where it is handled.
logging.getLogger("strands.event_loop.event_loop").setLevel(logging.CRITICAL)
