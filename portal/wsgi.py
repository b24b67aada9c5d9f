"""The WSGI application that granian serves."""

import gc
import os
import signal
from multiprocessing import parent_process

from django.core.wsgi import get_wsgi_application

if parent_process():
    # Ctrl-C also reaches granian's workers, which granian ends by SIGTERM: one that gets both signals hangs.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "portal.settings")
application = get_wsgi_application()
# What is loaded now lives as long as the process: a full collection that walks it would stall requests.
gc.collect()
gc.freeze()
